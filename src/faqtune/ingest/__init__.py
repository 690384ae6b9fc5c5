"""Everything that comes in: catalogues, chat logs, chatter, hand labels and pairs, in any form that users have them.

Readers take files and folders, find out encodings, sheets, columns and roles, stream what is
large, and return records with an `IngestReport` of what was left out and why. Bad input is a
`UserError` with the place. `convert` moves data between the forms of the older workflow and ours;
`inspect` and `write_config` are what `faqtune init` shows and writes.
"""

from faqtune.ingest.catalogue import read_catalogue
from faqtune.ingest.convert import FAMILIES, ConvertReport, convert
from faqtune.ingest.draft_config import write_config
from faqtune.ingest.encodings import open_text
from faqtune.ingest.gold import NO_SUCH_TURN, NOT_READ, GoldLabel, read_gold
from faqtune.ingest.guess import inspect, meant_as_catalogue
from faqtune.ingest.lineage import successors
from faqtune.ingest.logs import read_conversations
from faqtune.ingest.looks import KINDS_OF_FORMS, WILL_STOP, Guess, Kind
from faqtune.ingest.messages import JOINT
from faqtune.ingest.noise import read_noise
from faqtune.ingest.own_pairs import read_own_pairs
from faqtune.ingest.report import FileReport, IngestReport, Remark

__all__ = [
    "FAMILIES",
    "JOINT",
    "KINDS_OF_FORMS",
    "NOT_READ",
    "NO_SUCH_TURN",
    "WILL_STOP",
    "ConvertReport",
    "FileReport",
    "GoldLabel",
    "Guess",
    "IngestReport",
    "Kind",
    "Remark",
    "convert",
    "inspect",
    "meant_as_catalogue",
    "open_text",
    "read_catalogue",
    "read_conversations",
    "read_gold",
    "read_noise",
    "read_own_pairs",
    "successors",
    "write_config",
]
