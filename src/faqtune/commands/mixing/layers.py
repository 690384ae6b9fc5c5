"""What the layers of two models do on a project's data: how alike they see texts, and what each layer's change is
worth. Everything is measured on the selection part; the test part is never touched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from faqtune.commands.project.assemble import load_project, selection_set
from faqtune.commands.project.models import ReportingEncoder, load_model
from faqtune.compare import EMBEDDINGS, WeightChanges
from faqtune.compare.cka import activations, linear_cka, thinned
from faqtune.compare.revert import reverted, revertible, unmatched
from faqtune.compare.sums import finite
from faqtune.compare.weights import open_weights
from faqtune.evaluate import EvaluationSet, calibrate, compare, evaluate, scorecard
from faqtune.evaluate.general import general_pairs
from faqtune.progress import Reporter
from faqtune.scorecard import Difference, Figure
from faqtune.workspace import Workspace

FIGURES = ("recall@1", "accepted", "oscr@5")
NOISE_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Probe:
    """How alike A and B see one set of texts. `cka` is the linear CKA of what each layer would give if the model
    ended there (`embeddings`, `layer 0` ...), None where a layer gives every text the same."""

    name: str
    what: str
    texts: int
    cka: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class RevertedLayer:
    """B with one layer put back to A's weights: differences to B as it is, reverted minus B. Where recall@1 or
    oscr@5 clearly falls, the layer's change is worth something; where it clearly rises, it does harm."""

    layer: str
    differences: dict[str, dict[str, float]]
    skipped_tensors: list[str]


@dataclass(frozen=True, slots=True)
class LayersOnData:
    """`figures`: B as it is, with 95 % intervals. `accepted` is the share of noise at `threshold_cosine`, which lets
    through at most 5 % of the same noise, so that B's own is 5 % or less by construction."""

    part: str
    queries: int
    noise: int
    threshold_cosine: float
    figures: dict[str, dict[str, float]]
    probes: list[Probe]
    reverted: list[RevertedLayer]


@dataclass(frozen=True, slots=True)
class Selection:
    """The data, put together before the weights are read: what is missing shows at once."""

    data: EvaluationSet

    @property
    def probes(self) -> dict[str, tuple[str, list[str]]]:
        """Name of each probe set to what it is and its texts."""
        everyday = [text for pair in general_pairs() for text in (pair.a, pair.b)]
        sets = {
            "in distribution": ("labelled queries of the selection part", [p.text for p in self.data.positives]),
            "noise": ("noise of the selection part", [negative.text for negative in self.data.negatives]),
            "general": ("everyday sentences shipped with faqtune, Chinese and English", everyday),
        }
        return {name: (what, thinned(texts)) for name, (what, texts) in sets.items()}


def selection(workspace: Workspace) -> Selection:
    """Raises UserError naming the command that makes what is missing."""
    return Selection(selection_set(load_project(workspace)))


def measure_layers(
    workspace: Workspace,
    data: Selection,
    models: tuple[str, str],
    folder_a: Path,
    changes: WeightChanges,
    *,
    resamples: int,
    reporter: Reporter,
) -> LayersOnData:
    """CKA of every layer, and B with each changed layer put back in turn.

    Takes as many encodings of the selection part as layers have changed. One model is held at a time.
    """
    name_a, name_b = models
    probes = data.probes
    seen = load_model(workspace, name_a, reporter, exact=True)
    before = {name: activations(seen, texts) for name, (_, texts) in probes.items()}
    del seen
    model = load_model(workspace, name_b, reporter, exact=True)
    cka = {
        name: [finite(linear_cka(*pair)) for pair in zip(before.pop(name), activations(model, texts), strict=False)]
        for name, (_, texts) in probes.items()
    }
    encoder = ReportingEncoder(model, reporter, name_b)
    reporter.say("measuring B as it is")
    plain = evaluate(encoder, data.data)
    threshold = calibrate(plain, noise_percent=NOISE_PERCENT).threshold_cosine
    plain = replace(plain, threshold_cosine=threshold)
    made: list[RevertedLayer] = []
    with open_weights(folder_a) as stored:
        for layer, names in revertible(changes).items():
            reporter.say(f"measuring B with {layer} put back")
            skipped = unmatched(model, names)
            with reverted(model, [name for name in names if name not in skipped], stored):
                outcomes = evaluate(encoder, data.data, threshold_cosine=threshold)
            differences = compare(plain, outcomes, resamples=resamples).differences
            made.append(RevertedLayer(layer, _shown(differences), skipped))
    return LayersOnData(
        part=data.data.part,
        queries=len(data.data.positives),
        noise=len(data.data.negatives),
        threshold_cosine=threshold,
        figures=_shown(scorecard(plain, resamples=resamples).figures),
        probes=[
            Probe(name, what, len(texts), {_layer(number): value for number, value in enumerate(cka[name])})
            for name, (what, texts) in probes.items()
        ],
        reverted=made,
    )


def _layer(number: int) -> str:
    return f"layer {number - 1}" if number else EMBEDDINGS


def _shown(records: dict[str, Difference] | dict[str, Figure]) -> dict[str, dict[str, float]]:
    return {name: records[name].model_dump() for name in FIGURES if name in records}
