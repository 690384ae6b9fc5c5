"""The room's door: every name is behind it, and finding a model does not bring torch along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import faqtune.model

MODULES = {path.stem for path in Path(faqtune.model.__file__).parent.glob("*.py")}


def test_every_name_can_be_had_and_comes_from_its_home() -> None:
    for name in faqtune.model.__all__:
        assert getattr(faqtune.model, name) is not None
        assert name in dir(faqtune.model)
    assert sorted(faqtune.model._HOME_OF) == sorted(faqtune.model.__all__)
    assert set(faqtune.model._HOMES) <= MODULES
    assert not hasattr(faqtune.model, "nothing")


def test_no_module_stands_in_the_place_of_a_name() -> None:
    """Importing `faqtune.model.x` makes `x` an attribute of the package."""
    assert not MODULES & set(faqtune.model.__all__)


def test_a_model_is_found_without_torch(tiny_model_folder: Path) -> None:
    code = (
        "import sys; from faqtune.model import resolve; from faqtune import compare_models; "
        f"found = resolve({str(tiny_model_folder)!r}); "
        "heavy = ('torch', 'transformers', 'sentence_transformers'); "
        "print(found.kind, *[name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["folder"]
