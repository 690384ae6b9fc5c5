"""What a report shows beside the scorecards of two models: map, slider, missing questions.

Kept in a file of its own next to them; scorecards from before it, or without it, are still whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faqtune.commands.project.assemble import Project, is_measurable
from faqtune.commands.project.training_set import LEAST_CHARACTERS
from faqtune.encoder import Encoder, KeepingEncoder
from faqtune.evaluate import EvaluationSet, Outcomes
from faqtune.evaluate.map import landmarks, places, thinned
from faqtune.evaluate.missing import Asked, missing_questions
from faqtune.evaluate.operating import operating_points
from faqtune.records import TRAIN, content_id, normalise
from faqtune.stored import read_json, write_json
from faqtune.workspace import Workspace

MOST_ASKED, MOST_SMALL_TALK = 1500, 500


class Details:
    """Gathers what the models of one measurement show, one model after the other."""

    def __init__(self, workspace: Workspace, project: Project, data: EvaluationSet) -> None:
        self._project, self._data = project, data
        self._marks = landmarks(data)
        self._asked = _asked(workspace, project)
        chatter = [noise.text for noise in project.noise if noise.stratum == "chatter"]
        self._small_talk = thinned(chatter, MOST_SMALL_TALK)
        self._maps: list[dict[str, Any]] = []
        self._missing: list[dict[str, Any]] = []

    def keeping(self, encoder: Encoder) -> KeepingEncoder:
        """The encoder to measure with: what is measured and drawn, or measured twice, is encoded once."""
        drawn, asked = ([item.text for item in items] for items in (self._marks, self._asked))
        return KeepingEncoder(encoder, [*drawn, *asked, *self._small_talk, *self._project.catalogue.questions])

    def add(self, encoder: KeepingEncoder, outcomes: Outcomes, *, is_last: bool) -> None:
        """Draw what the model of `outcomes` makes of the texts; of the last one also what it cannot answer."""
        vectors = encoder.encode([mark.text for mark in self._marks])
        self._maps.append({"model": outcomes.model, **asdict(places(vectors, self._marks))})
        if is_last and outcomes.threshold_cosine is not None:
            self._missing = self._unanswered(encoder, outcomes.threshold_cosine)

    def save(self, path: Path, results: Sequence[Outcomes], resamples: int) -> None:
        """Write everything; `operating` for each model in the order of measuring."""
        write_json(
            path,
            {
                "digest": self._data.digest(),
                "models": [outcomes.model for outcomes in results],
                "operating": [asdict(operating_points(outcomes, resamples=resamples)) for outcomes in results],
                "landmarks": [asdict(mark) for mark in self._marks],
                "maps": self._maps,
                "missing": self._missing,
            },
        )

    def _unanswered(self, encoder: KeepingEncoder, threshold_cosine: float) -> list[dict[str, Any]]:
        catalogue, texts = self._project.catalogue, [asked.text for asked in self._asked]
        # In one go, which is quicker.
        encoder.encode([*texts, *self._small_talk])
        found = missing_questions(
            self._asked,
            encoder.encode(texts),
            catalogue,
            encoder.encode(catalogue.questions),
            encoder.encode(self._small_talk),
            threshold_cosine,
        )
        return [asdict(question) for question in found]


def details_path(scorecard_path: Path) -> Path:
    """Where the details of a measurement lie: next to its comparison."""
    return scorecard_path.with_name(scorecard_path.name.replace("-comparison.json", "-details.json"))


def read_details(path: Path, digest: str, models: Sequence[str]) -> dict[str, Any] | None:
    """What `Details.save` wrote; None where there is none, or it is of other data or models than the scorecards."""
    if not path.exists():
        return None
    details = read_json(path, "faqtune evaluate")
    return details if details.get("digest") == digest and details.get("models") == list(models) else None


def _asked(workspace: Workspace, project: Project) -> list[Asked]:
    """Customers' texts outside of the training part that have no entry: what people call unsupported first, then
    turns of which nobody has said anything, thinned by a hash of their text."""
    of = {query.id: query for query in project.queries}
    decided = [(of[name], decision) for name, decision in project.decisions.items() if name in of]
    said = [
        Asked(query.text, query.conversation, by_people=True)
        for query, decision in decided
        if decision.is_human and decision.entry is None and decision.reason == "unsupported"
    ]
    known = {
        (query.conversation, turn) for query, decision in decided if is_measurable(decision) for turn in query.turns
    }
    parts = project.split.conversations
    silent = [
        Asked(turn.customer, conversation.id)
        for conversation in workspace.conversations()
        if parts.get(conversation.id, TRAIN) != TRAIN
        for number, turn in enumerate(conversation.turns)
        if (conversation.id, number) not in known and len(normalise(turn.customer)) >= LEAST_CHARACTERS
    ]
    by_hash = sorted(silent, key=lambda text: content_id(text.conversation, text.text))
    return [*said[:MOST_ASKED], *by_hash[: max(0, MOST_ASKED - len(said))]]
