"""Messages of one session, from the many forms that chat systems export, to turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faqtune.config import ConversationsConfig
from faqtune.ingest.cells import cell_text, tidy
from faqtune.ingest.clean import Clean
from faqtune.ingest.headers import fold
from faqtune.ingest.names import ANSWERED, ASKED, ID, LISTS, ROLE, SESSION, TEXT, TIME
from faqtune.ingest.pictures import in_parts, in_row, in_text
from faqtune.ingest.roles import RoleOf, guess_role
from faqtune.records import Turn, normalise

JOINT = "\n"
"""Between messages that one side wrote in a row: a line each. Tokenizers take it for white space in
Chinese and English alike, and unlike a space or comma it does not claim that the customer typed it."""


SEEN = 20
"""Elements of a list by which it is told whether they are messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as exported. `role` is the value of the role column.

    `is_half`: one half of a customer/agent pair, which is a turn whatever is left of its text. `images`:
    references to pictures that stand beside the text.
    """

    role: str
    text: str
    time: str = ""
    is_half: bool = False
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One session as exported; `id` is "" where the export has none."""

    id: str
    messages: Sequence[Message]
    row: int = 0


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of the columns or keys of a message; "" where there is none.

    Either `text` (with `role`) or the pair `asked` and `answered` is set.
    """

    session: str = ""
    role: str = ""
    text: str = ""
    time: str = ""
    asked: str = ""
    answered: str = ""

    def __bool__(self) -> bool:
        return bool((self.text and self.role) or (self.asked and self.answered))


def find_keys(names: Sequence[str], config: ConversationsConfig, rows: Sequence[Mapping[str, str]]) -> Keys:
    """Which of the columns (or keys) `names` is which, by the config, by name, and by the roles seen in `rows`."""
    folded = {fold(name): name for name in reversed(names)}

    def pick(configured: str, known: Sequence[str]) -> str:
        if configured:
            return next((name for name in names if normalise(name) == normalise(configured)), "")
        return next((folded[name] for name in known if name in folded), "")

    session, time = pick(config.session_column, SESSION), pick(config.time_column, TIME)
    text = pick(config.text_column, TEXT)
    role = pick(config.role_column, ()) or _role_column([n for n in names if n not in (session, time, text)], rows)
    if text and role:
        return Keys(session, role, text, time)
    return Keys(session, time=time, asked=pick("", ASKED), answered=pick("", ANSWERED))


def _role_column(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """The column whose values are known roles most often; of equal ones the one that is called so."""

    def known_share(name: str) -> float:
        values = [row.get(name, "") for row in rows]
        return sum(guess_role(value) is not None for value in values if value) / max(1, len(values))

    called_so = [name for known in ROLE for name in names if fold(name) == known]
    best = max([*called_so, *names], key=known_share, default="")
    return best if best in called_so or (best and known_share(best) > 0.9) else next(iter(called_so), "")


def session_of(item: Any, config: ConversationsConfig, known: dict[tuple[str, ...], Keys]) -> Session | None:
    """A session of a nested export: a list of messages, or an object that holds one; None if it is neither.

    `known` remembers the keys of messages from one call to the next.
    """
    if isinstance(item, list):
        return _session("", item, config, known)
    if not isinstance(item, dict):
        return None
    lists = {fold(key): value for key, value in item.items() if isinstance(value, list)}
    elements = next((lists[name] for name in LISTS if name in lists), None)
    if elements is None:
        elements = next((found for found in lists.values() if _are_messages(found, config)), None)
    if elements is None:
        return None
    names = [config.session_column] if config.session_column else ID
    ids = {fold(key): value for key, value in item.items() if isinstance(value, str | int)}
    return _session(next((str(ids[fold(name)]) for name in names if fold(name) in ids), ""), elements, config, known)


def _are_messages(elements: Sequence[Any], config: ConversationsConfig) -> bool:
    """Whether a list holds messages, whatever it is called: by the roles in them, or by keys that the config names.

    Names of keys alone would take every list of `name` and `value` for one.
    """
    rows = [{key: plain_text(value) for key, value in one.items()} for one in elements[:SEEN] if isinstance(one, dict)]
    keys = find_keys(list(rows[0]), config, rows) if rows else Keys()
    # Pairs of question and answer may be those of a FAQ.
    if not keys.text:
        return False
    named = set(map(fold, (*config.customer_roles, *config.agent_roles)))
    roles = [row.get(keys.role, "") for row in rows]
    return bool(config.role_column) or any(fold(role) in named or guess_role(role) for role in roles)


def _session(
    session_id: str, elements: Sequence[Any], config: ConversationsConfig, known: dict[tuple[str, ...], Keys]
) -> Session | None:
    messages: list[Message] = []
    for element in elements:
        if not isinstance(element, dict):
            continue
        if len(element) == 1 and guess_role(next(iter(element))):  # {"user": "…"}
            messages += [Message(role, plain_text(value), images=in_parts(value)) for role, value in element.items()]
            continue
        row = {key: plain_text(value) for key, value in element.items()}
        names = tuple(element)
        if names not in known:
            known[names] = find_keys(names, config, [row])
        found = messages_of_row(row, known[names])
        if pictures := tuple(picture for value in element.values() for picture in in_parts(value)):
            found = [replace(one, images=one.images + pictures) for one in found]
        messages += found
    return Session(tidy(session_id), messages) if messages or not elements else None


def messages_of_row(row: Mapping[str, str], keys: Keys) -> list[Message]:
    """The message of one row, or the two of a row that is a customer/agent pair; none if the row is neither."""
    time, images = row.get(keys.time, ""), in_row(row)
    if keys.text:
        return [Message(row.get(keys.role, ""), row.get(keys.text, ""), time, images=images)]
    asked, answered = row.get(keys.asked, ""), row.get(keys.answered, "")
    if not keys:
        return []
    return [
        Message("customer", asked, time, is_half=True, images=images),
        Message("agent", answered, time, is_half=True),
    ]


def plain_text(value: Any) -> str:
    """The text of a JSON value: of a list of parts (`[{"type": "text", "text": …}]`) those that are text."""
    if isinstance(value, list):
        return JOINT.join(filter(None, map(plain_text, value)))
    if isinstance(value, dict):
        return plain_text(value.get("text", ""))
    return "" if value is None or isinstance(value, bool) else cell_text(value)


def turns_of(
    messages: Iterable[Message], role_of: RoleOf, clean: Clean, on_unknown: Callable[[Message], None]
) -> tuple[Turn, ...]:
    """Turns of a session. Messages that one side wrote in a row are joined by `JOINT`.

    A turn begins where the customer writes after the agent; the first may lack the customer,
    any the agent. System events are taken out before; a picture stays as a message without
    text, so that the reply to it is not glued to the reply before. Turns without text are dropped.
    References to the customer's pictures are kept with the turn.
    """
    turns: list[tuple[list[str], list[str], list[str], list[str]]] = []
    agent_wrote = True
    for message in messages:
        role = role_of(message.role)
        text = clean(message.text)
        if role is None and text:
            on_unknown(message)
        if role not in ("customer", "agent") or (text is None and not message.is_half):
            continue
        if (role == "customer" and agent_wrote) or not turns:
            turns.append(([], [], [], []))
        agent_wrote = role == "agent"
        turns[-1][agent_wrote].append(text or "")
        turns[-1][2].append(message.time)
        if role == "customer":
            turns[-1][3].extend((*in_text(message.text), *message.images))
    joined = (
        (JOINT.join(filter(None, customer)), JOINT.join(filter(None, agent)), times, tuple(dict.fromkeys(images)))
        for customer, agent, times, images in turns
    )
    return tuple(
        Turn(customer, agent, next(filter(None, times), ""), images)
        for customer, agent, times, images in joined
        if customer or agent
    )
