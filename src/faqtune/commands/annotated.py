"""What people labelled on the page or in the terminal, as the other steps find it."""

from __future__ import annotations

from faqtune.annotate.kept import keep_queries
from faqtune.annotate.store import Store
from faqtune.workspace import Workspace


def keep_annotated(workspace: Workspace) -> None:
    """Write the queries that people labelled to where training finds them, if annotation was killed before it did."""
    if workspace.acts_path.exists():
        keep_queries(Store(workspace.acts_path), workspace.annotated_queries_path)
