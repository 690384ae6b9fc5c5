"""`faqtune convert`: between the legacy forms and FlagEmbedding JSONL."""

from __future__ import annotations

from pathlib import Path

from faqtune.errors import UserError
from faqtune.ingest import ConvertReport
from faqtune.ingest import convert as convert_file


def convert(
    source: Path, target: Path, from_form: str = "", to_form: str = "", *, force: bool = False
) -> ConvertReport:
    """Read `source` and write `target` in another form; forms that are not given are found out.

    Raises UserError for bad input, for forms that hold different things, and for a target that is the
    source itself, a folder, or there already unless `force`. Then nothing is written.
    """
    if target.is_dir():
        raise UserError(f"{target} is a folder", "name the file to write")
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"{target} would be written over itself", "name another file to write")
    if target.exists() and not force:
        raise UserError(f"{target} is there already", "name another file to write, or give --force to replace it")
    return convert_file(source, target, from_form, to_form)
