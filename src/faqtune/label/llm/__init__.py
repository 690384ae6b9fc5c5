"""A language model as a source of labels, and as a writer of training texts; any OpenAI-compatible server will do.

Prompts are made in `prompt`, answers read in `answer`; between them `asking` keeps to limits, tries again, and keeps
what was answered in `cache`. `votes` makes of several answers one label. Nothing here knows a project's files.
"""

from faqtune.label.llm.address import check_address, is_local, key_of, may_see_everything
from faqtune.label.llm.answer import NONE, REASONS, Answer, BadAnswer, read_answer, read_texts
from faqtune.label.llm.asking import Outcome, Request
from faqtune.label.llm.cache import Cache, Kept, open_cache
from faqtune.label.llm.client import import_openai
from faqtune.label.llm.cost import Price, Usage, estimate_request, estimate_tokens
from faqtune.label.llm.images import image_reader
from faqtune.label.llm.mask import Masker
from faqtune.label.llm.prompt import Prompt, judge_prompt
from faqtune.label.llm.question import Candidate, Item, Line, candidate_of, item_of
from faqtune.label.llm.session import INTERRUPTED, answer_settings, ask, price_of
from faqtune.label.llm.votes import Verdict, Vote, verdict
from faqtune.label.llm.write import Kind, Synthetic, usable, write_prompt

__all__ = [
    "INTERRUPTED", "NONE", "REASONS", "Answer", "BadAnswer", "Cache", "Candidate", "Item", "Kept", "Kind",
    "Line", "Masker", "Outcome", "Price", "Prompt", "Request", "Synthetic", "Usage", "Verdict", "Vote",
    "answer_settings", "ask", "candidate_of", "check_address", "estimate_request", "estimate_tokens",
    "image_reader", "import_openai", "is_local", "item_of", "judge_prompt", "key_of", "may_see_everything",
    "open_cache", "price_of", "read_answer", "read_texts", "usable", "verdict", "write_prompt",
]  # fmt: skip
