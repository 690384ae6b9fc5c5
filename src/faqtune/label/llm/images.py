"""Pictures of a conversation as the API takes them. What a customer typed decides neither what is fetched nor read.

A reference in a log is text that a customer may have made up. An address goes out only if its host is one of
`llm.image_hosts`, since the model's server fetches it; a file is read only from `llm.image_folder`, and only if its
first bytes are those of a picture.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from faqtune.config import LlmConfig

KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
MEGABYTE = 1_000_000


def image_reader(
    settings: LlmConfig, resolve: Callable[[str], Path], left_out: Counter[str]
) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """A function from references to what the API takes, those left out missing; `left_out` counts them by reason."""
    folder = resolve(settings.image_folder) if settings.image_folder else None

    def read(references: Sequence[str]) -> tuple[str, ...]:
        return tuple(filter(None, (one(reference) for reference in references)))

    def one(reference: str) -> str:
        try:
            return sent_as(reference, settings, folder)
        except ValueError as error:
            left_out[str(error)] += 1
            return ""

    return read


def sent_as(reference: str, settings: LlmConfig, folder: Path | None) -> str:
    """An address as it is, or a file as a data URL. Raises ValueError that says why a picture does not go along."""
    if "://" in reference:
        parts = urlsplit(reference)
        if parts.scheme not in ("http", "https") or parts.username or parts.password:
            raise ValueError("an address that is not plain http(s)")
        if (parts.hostname or "") not in settings.image_hosts:
            raise ValueError(f"{(parts.hostname or 'no host')[:60]} is not among llm.image_hosts")
        return reference
    if folder is None:
        raise ValueError("a file, and llm.image_folder is not set")
    return _data_url(folder, reference, int(settings.most_image_megabytes * MEGABYTE))


def _data_url(folder: Path, reference: str, most_bytes: int) -> str:
    try:
        path = (folder / reference).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise ValueError("no such file in llm.image_folder")
        if path.stat().st_size > most_bytes:
            raise ValueError("larger than llm.most_image_megabytes")
        content = path.read_bytes()
    except (OSError, RuntimeError):
        raise ValueError("a file that cannot be read") from None
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), "")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if not kind:
        raise ValueError("no PNG, JPEG, GIF or WebP")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
