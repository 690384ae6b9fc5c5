"""Files to measure on that the project does not know: hand labels, and noise of a stratum that is named with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from faqtune.commands.project.assemble import Project, answerless, evaluation_set
from faqtune.commands.project.gold import gold_labels
from faqtune.config import NoiseConfig
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.ingest import GoldLabel, read_noise
from faqtune.progress import Reporter
from faqtune.records import CALIBRATION, TEST, TRAIN, normalise
from faqtune.scorecard import Stratum
from faqtune.workspace import Workspace

SEEN = "conversation was trained on"
TRAINED = "text was trained on"
SET_THE_THRESHOLD = "text set the threshold"


KINDS: tuple[Stratum, ...] = get_args(Stratum)


def named_noise(given: Sequence[str]) -> dict[Stratum, list[Path]]:
    """Files by stratum from `FILE` (chatter) or `STRATUM=FILE`. Raises UserError for a kind of noise that is none.

    >>> found = named_noise(["a.txt", "garbage=b=1.txt"])
    >>> {stratum: [str(file) for file in files] for stratum, files in found.items()}
    {'chatter': ['a.txt'], 'garbage': ['b=1.txt']}
    """
    files: dict[Stratum, list[Path]] = {}
    for name in given:
        before, _, after = name.partition("=")
        stratum = next((known for known in KINDS if known == before and after), None)
        if after and stratum is None and not Path(name).exists():
            raise UserError(f"{name}: there is no noise of the kind `{before}`", f"name one of {', '.join(KINDS)}")
        files.setdefault(stratum or "chatter", []).append(Path(after if stratum else name))
    return files


def gold_set(
    workspace: Workspace, project: Project, path: Path, id_catalogue: Path | None, reporter: Reporter
) -> EvaluationSet:
    """Hand labels of a file with the noise of the test part; what training has seen is left out."""
    labels = gold_labels(workspace, [path], project.catalogue, id_catalogue, reporter)
    placed = [_placed(project, label) for label in labels]
    noise = [n for n in evaluation_set(project, TEST).negatives if n.group in project.split.noise]
    data = EvaluationSet(
        positives=tuple(place for place in placed if isinstance(place, Positive)),
        negatives=(*(place for place in placed if isinstance(place, Negative)), *noise),
        catalogue=project.measured_catalogue(TEST),
        part=path.name,
        excluded=dict(Counter(place for place in placed if isinstance(place, str))),
    )
    return _without_known(project, data, {p.text for p in data.positives}, path.name)


def with_noise(project: Project, data: EvaluationSet, files: dict[Stratum, list[Path]]) -> EvaluationSet:
    """`data` with the sentences of files in place of the project's own noise files of the same strata.

    What people called noise in conversations stays. Sentences that were trained on, or set the threshold, are left
    out and counted. Raises UserError for a file that cannot be read, or that is mostly such sentences.
    """
    negatives = [n for n in data.negatives if not (n.stratum in files and n.group in project.split.noise)]
    read: list[Negative] = []
    for stratum, paths in files.items():
        sentences, _ = read_noise(paths, NoiseConfig())
        read += [Negative(each.text, stratum, each.source) for each in sentences]
    names = ", ".join(path.name for paths in files.values() for path in paths)
    made = replace(data, negatives=(*negatives, *read), part=f"{data.part}, {names}")
    return _without_known(project, made, {negative.text for negative in read}, names)


def _without_known(project: Project, data: EvaluationSet, looked_at: set[str], name: str) -> EvaluationSet:
    """Without those of the texts `looked_at` that the calibration part holds, or that were trained on."""
    set_on = evaluation_set(project, CALIBRATION)
    calibration = {normalise(text) for text in _texts(set_on)}
    trained = _trained_texts(project)
    reasons = {
        text: SET_THE_THRESHOLD if normalise(text) in calibration else TRAINED
        for text in looked_at
        if normalise(text) in calibration or normalise(text) in trained
    }
    used = sum(reason == SET_THE_THRESHOLD for reason in reasons.values())
    if used and 2 * used >= len(looked_at):
        raise UserError(
            f"{name}: {used} of {len(looked_at)} texts are those that set the threshold, and figures on them flatter",
            "measure on other texts",
        )
    if not reasons:
        return data
    gone = Counter(reasons[text] for text in _texts(data) if text in reasons)
    excluded = Counter(data.excluded) + gone
    return replace(
        data,
        positives=tuple(positive for positive in data.positives if positive.text not in reasons),
        negatives=tuple(negative for negative in data.negatives if negative.text not in reasons),
        excluded=dict(excluded),
    )


def _texts(data: EvaluationSet) -> list[str]:
    return [*(positive.text for positive in data.positives), *(negative.text for negative in data.negatives)]


def _trained_texts(project: Project) -> set[str]:
    split = project.split
    queries = (
        query.text
        for query in project.queries
        if query.id in project.decisions and split.conversations.get(query.conversation) == TRAIN
    )
    noise = (sentence.text for sentence in project.noise if split.noise.get(sentence.source) == TRAIN)
    return {normalise(text) for text in (*queries, *noise)}


def _placed(project: Project, label: GoldLabel) -> Positive | Negative | str:
    """What a hand label is measured as, or why it is not."""
    part = project.split.conversations.get(label.conversation, TEST)
    if part != TEST:
        return SEEN if part == TRAIN else f"conversation is in the {part} part"
    if label.entry is None:
        return answerless(label.query_text, label.reason, label.conversation)
    if project.split.held_out.get(label.entry) == TEST:
        return Negative(label.query_text, "unsupported", label.conversation)
    return Positive(label.query_text, label.entry, label.conversation)
