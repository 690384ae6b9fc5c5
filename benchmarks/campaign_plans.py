"""What `campaign.py` measures, most valuable first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DEFAULT = "faqtune:default"
CLASSIC_HERE = "stage.1.data.weak_labels=0,stage.1.data.labels=1"
"""Where all labels are people's, as on clinc150, the stage that was for labels of rules learns from them."""


@dataclass(frozen=True)
class Job:
    """A method on a data set: `taobao`, `taobao-hand` (half of the hand labels train), `clinc150-20`,
    `clinc150-100` (labelled queries an intent) or `insurance`."""

    name: str
    seed: int
    method: str

    @property
    def data_set(self) -> str:
        return self.name.partition("-")[0]

    @property
    def per_entry(self) -> int:
        return int(self.name.partition("-")[2]) if self.data_set == "clinc150" else 0

    @property
    def hand_labels(self) -> float:
        return 0.5 if self.name == "taobao-hand" else 0.0


def of(name: str, seeds: tuple[int, ...], methods: tuple[str, ...]) -> list[Job]:
    return [Job(name, seed, method) for seed in seeds for method in methods]


FIRST, LAST, ALL = (0, 1, 2), (3, 4), (0, 1, 2, 3, 4)
CHEAP = ("original", "frozen-lr", "frozen-lr:noise")
CLINC = ("flagembedding", DEFAULT, "st-mnrl", "st-mnrl:lr=5e-5", *CHEAP)
TAOBAO = ("flagembedding:labels", DEFAULT, "st-mnrl:labels", "st-mnrl:labels,lr=5e-5", *CHEAP)
WITH_DIALOGUES = ("flagembedding", "st-mnrl")
MANY = ("flagembedding:batch=64", DEFAULT, "st-mnrl:lr=5e-5,batch=128", *CHEAP)
"""For 100 queries an intent: larger batches, so that five times the data takes less than five times as long."""

ABLATIONS = (
    "faqtune:default,merge.coefficients=[0.3,0.4,0.5,0.6,0.7,0.8,0.9]",
    "faqtune:default,stage.1.losses.stay_near.weight=1",
    "faqtune:default,stage.1.learning_rate=3e-5",
    "faqtune:default,stage.1.losses.stay_near.weight=4",
    "faqtune:default,stage.1.learning_rate=2e-5",
    "faqtune:default,stage.1.learning_rate=3e-5,stage.1.losses.stay_near.weight=1",
    "faqtune:default,stage.1.losses.stay_near.weight=0.25",
    "faqtune:default,stage.1.data.catalogue=0",
)

LESS_TRAINED = (
    "faqtune:default,stage.1.freeze.lora_rank=16",
    "faqtune:default,stage.1.freeze.lora_rank=16,stage.1.learning_rate=5e-4",
    "faqtune:default,stage.1.freeze.lower_layers=6",
)
"""What needs less memory: adapters, or the upper half of the built-in model's twelve layers."""


def alone() -> list[Job]:
    """One at a time, for the time to quality."""
    methods = (DEFAULT, "st-mnrl:lr=5e-5")
    labels = (DEFAULT, "st-mnrl:labels,lr=5e-5")
    return of("clinc150-20", (0,), methods) + of("taobao", (0,), labels)


def smoke() -> list[Job]:
    """Every kind of method once, those that take long cut short."""
    clinc = ("setfit:pairs=300", "frozen-lr", "st-mnrl", f"faqtune:classic,{CLASSIC_HERE}", ABLATIONS[0])
    hand = (DEFAULT, "st-mnrl:labels", "flagembedding:labels", "faqtune:classic-two-stage", "original")
    return of("clinc150-20", (0,), clinc) + of("taobao-hand", (0,), hand)


def main() -> list[Job]:
    classic = f"faqtune:classic,{CLASSIC_HERE}"
    jobs = of("clinc150-20", FIRST, ("setfit", *CLINC)) + of("taobao", FIRST, ("setfit", *WITH_DIALOGUES, *TAOBAO))
    jobs += of("clinc150-20", LAST, CLINC) + of("taobao", LAST, (*WITH_DIALOGUES, *TAOBAO))
    jobs += of("taobao-hand", FIRST, ("setfit", *TAOBAO)) + of("clinc150-100", FIRST, MANY)
    jobs += of("clinc150-20", FIRST, (classic,)) + of("taobao", FIRST, ("faqtune:classic",))
    jobs += of("taobao-hand", FIRST, ("faqtune:classic-two-stage",))
    jobs += of("clinc150-20", FIRST, ABLATIONS)
    jobs += of("taobao-hand", LAST, TAOBAO) + of("clinc150-100", LAST, MANY)
    jobs += of("insurance", (0,), ("original", DEFAULT, "st-mnrl", "flagembedding"))
    jobs += of("clinc150-20", LAST, ("setfit",)) + of("taobao", LAST, ("setfit",))
    jobs += of("clinc150-100", (0,), ("setfit", classic))
    jobs += of("clinc150-20", LAST, (classic, *ABLATIONS)) + of("taobao", LAST, ("faqtune:classic",))
    jobs += of("taobao", ALL, LESS_TRAINED)
    jobs += of("clinc150-20", ALL, ("setfit:noise", "st-mnrl:gist", "flagembedding:lr=5e-5"))
    jobs += of("taobao", ALL, ("setfit:noise", "st-mnrl:labels,gist", "flagembedding:labels,lr=5e-5"))
    return jobs


def more() -> list[Job]:
    """Seeds and rivals that the tables of `outcomes/` lack, under the names that they have there."""
    jobs = of("insurance", (6,), (DEFAULT,)) + of("clinc150-100", (4,), (DEFAULT, "st-mnrl:lr=5e-5,bf16"))
    jobs += of("insurance", (4, 6), ("st-mnrl:bf16",)) + of("insurance", (2, 3, 4, 5, 6), ("flagembedding",))
    return jobs + of("clinc150-100", LAST, ("flagembedding",))


SMALL = "stage.1.larger_batches_above_steps=0"
LARGE_BATCHES = f"{DEFAULT},{SMALL},stage.1.batch_queries=96,stage.1.batch_noise=32,stage.1.learning_rate=1e-4"


def choosing() -> list[Job]:
    """Trainings whose every measurement `choosing.py` keeps."""
    both = (f"{DEFAULT},{SMALL}", "st-mnrl:lr=5e-5,bf16")
    jobs = [job for method in both for job in of("clinc150-100", ALL, (method,))]
    jobs += of("clinc150-20", ALL, both) + of("clinc150-100", ALL, (LARGE_BATCHES,))
    return jobs + of("taobao", ALL, (DEFAULT, "st-mnrl:bf16")) + of("insurance", ALL, (DEFAULT, "st-mnrl:bf16"))


PLANS: dict[str, Callable[[], list[Job]]] = {
    "alone": alone, "smoke": smoke, "main": main, "more": more, "choosing": choosing
}  # fmt: skip
