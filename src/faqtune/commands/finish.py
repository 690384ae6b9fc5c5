"""How every run ends, however its model was made: model, threshold, facts, and `done` last."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from faqtune.atomic import sync_folder
from faqtune.commands.assemble import Project, evaluation_set
from faqtune.evaluate import calibrate, evaluate
from faqtune.records import CALIBRATION
from faqtune.runs import DONE, Run
from faqtune.workspace import write_json

if TYPE_CHECKING:
    from faqtune.model import ModelCard, TextModel

SHOWN_FIGURES = ("recall@1", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@5")
MEASURED_ON = "the selection part of the project (the model was chosen on it; see the run's scorecards)"


def finish_run(run: Run, model: TextModel, project: Project, card: ModelCard, facts: dict[str, Any]) -> None:
    """Save the model and, in float32, its threshold; add `facts` and say `done` last. `model` stays in float32."""
    from faqtune.model import EXACT, save

    save(model, run.model_path, card)
    calibration = evaluation_set(project, CALIBRATION)
    model.precision = EXACT
    run.thresholds_path.unlink(missing_ok=True)
    run.certificate_path.unlink(missing_ok=True)  # it was another model's
    if calibration.positives and calibration.negatives:
        write_json(run.thresholds_path, asdict(calibrate(evaluate(model, calibration))))
    run.facts |= facts
    run.status = DONE
    run.save()


def drop_checkpoints(run: Run, *, keep: bool) -> None:
    """Remove what only an unfinished training needs, gigabytes with a large model; what cannot be removed stays.

    Only of a run that is done, once its model and `run.json` have reached the disk: a power cut then leaves these, and
    before that the checkpoints.
    """
    if keep or run.status != DONE or not run.model_path.is_dir():
        return
    sync_folder(run.folder)
    shutil.rmtree(run.checkpoints_path, ignore_errors=True)


def shown(figures: dict[str, float]) -> dict[str, float]:
    """The figures that are shown of a run's selection part, rounded."""
    return {name: round(figures[name], 4) for name in SHOWN_FIGURES if name in figures}
