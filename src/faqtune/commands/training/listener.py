"""What the training loop tells, in a Reporter's words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from faqtune.commands.training.run_files import RunFiles
from faqtune.errors import UserError
from faqtune.progress import Reporter
from faqtune.recipe import Recipe, Stage

if TYPE_CHECKING:
    from faqtune.train import StepLoss

SHOWN_FIGURES = ("oscr@5", "recall@1", "auroc")


class TrainingListener:
    """A `faqtune.train.Listener`. `files`: those of the run to be kept up to date, in the process that writes."""

    def __init__(self, plan: Recipe, reporter: Reporter, files: RunFiles | None = None) -> None:
        self.plan, self.reporter, self.files = plan, reporter, files
        self.steps = 0

    def stage_started(
        self, stage: Stage, number: int, steps: int, done: int, before: int, queries: Mapping[str, int]
    ) -> None:
        self.steps = steps
        of = f" of {len(self.plan.stages)}" if len(self.plan.stages) > 1 else ""
        after = f", going on after step {done}" if done else ""
        size = f"{sum(queries.values())} queries{_by_source(queries)}"
        many = f"{steps} step{'s' * (steps != 1)}"
        self.reporter.say(f"stage {number}{of} ({stage.name}): {many} of {size}{after}")

    def settled(self, number: int, settings: dict[str, Any]) -> None:
        if self.files is not None:
            self.files.write_recipe()

    def stepped(self, stage: Stage, number: int, step: int, loss: StepLoss) -> None:
        self.reporter.advance(f"training steps (loss {loss.total:.3f})", step, self.steps)
        self._tell_time()

    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None:
        metric = self.plan.selection.metric
        names = dict.fromkeys((*SHOWN_FIGURES, metric))
        shown = ", ".join(f"{name} {figures[name]:.3f}" for name in names if name in figures)
        self.reporter.say(f"step {step}: {shown}{f' (best by {metric} so far)' if is_best else ''}")
        if self.files is not None:
            self.files.draw_now_and_then()
        self._tell_time()

    def mined(self, number: int, step: int, figures: dict[str, float]) -> None:
        found = "; ".join(filter(None, (_negatives(figures, step), _noise(figures)))) or "nothing is mined"
        self.reporter.say(f"step {step}: mining: {found}")
        self._tell_time()

    def noted(self, text: str) -> None:
        self.reporter.say(text)

    def _tell_time(self) -> None:
        if self.files is not None:
            self.files.tell_time_now_and_then()

    def finish(self) -> None:
        """The training has ended, however it did."""
        if self.files is not None:
            with suppress(UserError):  # a full disk may be what has ended it, which must not be lost for that
                self.files.draw()


def _by_source(queries: Mapping[str, int]) -> str:
    """How many a step takes from each source; nothing where there is only one."""
    if len(queries) < 2:
        return ""
    return f" ({', '.join(f'{source} {count}' for source, count in queries.items())})".replace("_", " ")


def _negatives(figures: dict[str, float], step: int) -> str:
    """What was mined for queries; nothing where none asks."""
    if "queries_mined_for" not in figures:
        return ""
    kinds = {"negatives_mined": "negatives of other entries", "queries_mined": "customers' queries"}
    mined = " and ".join(f"{figures[name]:,.0f} {kind}" for name, kind in kinds.items() if name in figures)
    without = figures["queries_without_negative"]
    asked = f"{'the next ' * (step > 0)}{figures['queries_mined_for']:,.0f} queries"
    return f"{mined} for {asked}" + f" ({without:.1%} have none)" * bool(without)


def _noise(figures: dict[str, float]) -> str:
    """How much near noise is taken, and how similar noise is; nothing where there is none."""
    if "noise_compared" not in figures:
        return ""
    taken, compared = figures["near_noise_per_step"], f"{figures['noise_compared']:,.0f} noise sentences compared"
    near = f"{taken:.0f} a step from the {figures['noise_near']:,.0f} nearest" if taken else "near noise is off"
    change = figures.get("noise_similarity_change")
    changed = "" if change is None else f", {change:+.3f} on the same sentences"
    return (
        f"{compared}, {near}; noise similarity {figures['noise_similarity']:.3f}{changed} "
        f"(with its nearest question {figures['noise_best_similarity']:.3f})"
    )
