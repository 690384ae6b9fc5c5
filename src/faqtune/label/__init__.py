"""Who says what a query means: rules on the agents' replies, and the decision between all Claims."""

from faqtune.label.acts import SEVERAL, Act, acts_of, at_places, last_of_people, latest, place_of, says_the_same
from faqtune.label.confidence import Bin
from faqtune.label.decide import Decision, decide, pairs_of, settle
from faqtune.label.doubts import Doubt, Suspect, probabilities, suspects
from faqtune.label.evidence import Evidence, gather
from faqtune.label.proportion import Proportion, proportion
from faqtune.label.queries import Exchange, exchanges, joined, query_id, query_of
from faqtune.label.reply_rules import BY, NO_THRESHOLD, Labelling, label, reply_cosine
from faqtune.label.sources import Compared, Level, Source, compare, estimate_sources

__all__ = [
    "BY",
    "NO_THRESHOLD",
    "SEVERAL",
    "Act",
    "Bin",
    "Compared",
    "Decision",
    "Doubt",
    "Evidence",
    "Exchange",
    "Labelling",
    "Level",
    "Proportion",
    "Source",
    "Suspect",
    "acts_of",
    "at_places",
    "compare",
    "decide",
    "estimate_sources",
    "exchanges",
    "gather",
    "joined",
    "label",
    "last_of_people",
    "latest",
    "pairs_of",
    "place_of",
    "probabilities",
    "proportion",
    "query_id",
    "query_of",
    "reply_cosine",
    "says_the_same",
    "settle",
    "suspects",
]
