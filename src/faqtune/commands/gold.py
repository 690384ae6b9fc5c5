"""Hand labels of files, their entries as ids of the project's catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faqtune.config import CatalogueConfig
from faqtune.ingest import GoldLabel, read_catalogue, read_gold
from faqtune.records import Catalogue
from faqtune.workspace import Workspace


def gold_labels(
    workspace: Workspace, files: Sequence[Path], catalogue: Catalogue, id_catalogue: Path | None = None
) -> list[GoldLabel]:
    """Read hand labels; their entry ids are those of `id_catalogue` (default: the one of faqtune.toml, if any).

    That file is read with guessed columns: the project's own settings are about another file.
    """
    named = workspace.config().gold.catalogue
    path = id_catalogue or (workspace.resolve(named) if named else None)
    ids = read_catalogue([path], CatalogueConfig(skip_empty=True))[0] if path else None
    return read_gold(files, catalogue, workspace.conversations(), ids)[0] if files else []
