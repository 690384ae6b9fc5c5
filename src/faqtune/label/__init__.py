"""Who says what a query means: rules on the agents' replies, and the decision between all Claims."""

from faqtune.label.confidence import Bin
from faqtune.label.decide import Act, Decision, acts_of, decide, pairs_of
from faqtune.label.evidence import Evidence, gather
from faqtune.label.queries import Exchange, exchanges, joined, query_id, query_of
from faqtune.label.reply_rules import BY, Labelling, label

__all__ = [
    "BY",
    "Act",
    "Bin",
    "Decision",
    "Evidence",
    "Exchange",
    "Labelling",
    "acts_of",
    "decide",
    "exchanges",
    "gather",
    "joined",
    "label",
    "pairs_of",
    "query_id",
    "query_of",
]
