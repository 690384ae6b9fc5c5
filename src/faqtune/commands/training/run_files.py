"""The files of a run that a reader follows its training by: the picture, and the recipe as it is run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from faqtune.recipe import Recipe
from faqtune.report import loss_curve_svg
from faqtune.runs import Run
from faqtune.stored import write_json, write_text

RECIPE_AS_RUN = "recipe_as_run.json"
LEAST_PAUSE = 50
"""Times what the last picture took: drawing takes at most a fiftieth of a training, however long its log is."""


SECONDS_UNTOLD = 10
"""A kill loses at most so many seconds of what `run.json` says that a training took."""


class RunFiles:
    """Written anew, whole or not at all, as the training goes on."""

    def __init__(self, run: Run, plan: Recipe) -> None:
        self.run, self.plan = run, plan
        self._next_picture = 0.0
        self._started = self._told = time.monotonic()
        self._seconds_before = float(run.facts.get("seconds", 0.0))

    def count_time(self) -> None:
        """How long the training has taken by now, in all processes that it went on in, among the facts of its run."""
        self.run.facts["seconds"] = round(self._seconds_before + time.monotonic() - self._started, 1)

    def tell_time_now_and_then(self) -> None:
        """The same in `run.json`, for the time that is spent does not come again if the process is killed."""
        if time.monotonic() - self._told >= SECONDS_UNTOLD:
            self.count_time()
            self.run.save()
            self._told = time.monotonic()

    def draw_now_and_then(self) -> None:
        """The picture, unless the last one is too fresh for what it takes."""
        if time.monotonic() >= self._next_picture:
            self.draw()

    def draw(self) -> None:
        """`loss_curve.svg` of what the log holds; where that is nothing, no picture."""
        started = time.monotonic()
        if events := self.events():
            write_text(self.run.folder / "loss_curve.svg", loss_curve_svg(events))
        ended = time.monotonic()
        self._next_picture = ended + LEAST_PAUSE * (ended - started)

    def write_recipe(self) -> None:
        """`recipe_as_run.json`: the recipe with what each stage that has begun takes for open settings."""
        write_json(self.run.folder / RECIPE_AS_RUN, recipe_as_run(self.plan, self.events()))

    def events(self) -> list[dict[str, Any]]:
        """Of `log.jsonl` as it is now."""
        from faqtune.train.log import RunLog

        return RunLog(self.run.folder / "log.jsonl").read()


def recipe_as_run(plan: Recipe, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The recipe with every setting that was left open filled in from the events `started` of a log.

    Each of its stages also says its number of steps, the queries of a step by source, and the sizes of its data; a
    stage that has not begun is as the recipe has it. Tokens are those of the stage that began last.
    """
    filled = plan.model_dump()
    for event in events:
        if event["event"] == "started":
            extent = {name: event[name] for name in ("steps", "queries_per_step", "sizes")}
            filled["stages"][event["stage"] - 1] = event["settings"] | extent
            filled |= {
                name: event[name] for name in ("micro_batch_tokens", "graph_tokens", "device", "precision", "processes")
            }
    return filled
