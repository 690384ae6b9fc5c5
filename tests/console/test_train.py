"""What `faqtune train` says at its end."""

from pathlib import Path

import pytest

from faqtune.commands.train import Trained
from faqtune.console.train import _show
from faqtune.runs import Run


@pytest.mark.parametrize(
    ("precision", "said"),
    [
        ("float32", "  on the selection part: oscr@5 0.500 → 0.750"),
        ("bfloat16", "  on the selection part (in bfloat16, as it was trained): oscr@5 0.500 → 0.750"),
    ],
)
def test_figures_of_a_training_in_half_precision_are_said_to_be_that(
    precision: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate` and `labels` measure in float32, and come to other last digits."""
    run = Run(Path("runs/one"), "quick", "builtin", "", facts={"precision": precision})
    _show(Trained(False, run, (1, 20), {"oscr@5": 0.5}, {"oscr@5": 0.75, "auroc": 0.9}))
    assert capsys.readouterr().out.splitlines() == ["one: best at stage 1, step 20", said, "  model: runs/one/model"]
