from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from safetensors import SafetensorError

from faqtune.errors import UserError
from faqtune.model.folders import atomic_folder


def fill(folder: Path, text: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text(text, encoding="utf-8")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "models" / "model.v1"
    with atomic_folder(target, replace=True) as part:
        fill(part, "old")
    return target


def test_a_folder_is_replaced_whole(target: Path):
    with atomic_folder(target, replace=True) as part:
        fill(part, "new")
        assert (target / "sub" / "file").read_text() == "old"
    assert (target / "sub" / "file").read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_without_replace_what_is_there_stays(target: Path):
    with atomic_folder(target, replace=False) as part:
        fill(part, "new")
    assert (target / "sub" / "file").read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("error", "seen", "message"),
    [
        (OSError(28, "No space left on device"), UserError, "disk is full"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), UserError, "disk is full"),
        (SafetensorError("strange"), UserError, "strange"),
        (PermissionError(13, "Permission denied"), UserError, "Permission denied"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_on_failure_what_was_there_is_untouched(
    target: Path, error: BaseException, seen: type[BaseException], message: str | None
):
    with pytest.raises(seen, match=message), atomic_folder(target, replace=True) as part:
        fill(part, "new")
        raise error
    assert (target / "sub" / "file").read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_swap_that_fails_half_way_is_undone(target: Path, monkeypatch: pytest.MonkeyPatch):
    rename = Path.rename

    def fail_on_part(self: Path, new: Path) -> Path:
        if self.suffix == ".part":
            raise OSError(5, "Input/output error")
        return rename(self, new)

    monkeypatch.setattr(Path, "rename", fail_on_part)
    with pytest.raises(UserError, match="Input/output error"), atomic_folder(target, replace=True) as part:
        fill(part, "new")
    assert (target / "sub" / "file").read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_files_written_for_the_owner_only_become_as_readable_as_others(tmp_path: Path):
    old = os.umask(0o022)
    try:
        with atomic_folder(tmp_path / "model", replace=True) as part:
            fill(part, "x")
            (part / "sub" / "file").chmod(0o600)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "model" / "sub" / "file").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o755
