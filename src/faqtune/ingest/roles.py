"""Who wrote a message: the customer, the agent, or the system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from faqtune.config import ConversationsConfig
from faqtune.errors import UserError
from faqtune.ingest.headers import fold
from faqtune.ingest.names import AGENTS, CUSTOMERS, SYSTEMS

Role = Literal["customer", "agent", "system"]
RoleOf = Callable[[str], Role | None]

_ROLES: dict[str, Role] = {
    **dict.fromkeys(CUSTOMERS, "customer"),
    **dict.fromkeys(AGENTS, "agent"),
    **dict.fromkeys(SYSTEMS, "system"),
}
_CHINESE = sorted((name for name in _ROLES if not name.isascii()), key=len, reverse=True)


@lru_cache(maxsize=4096)
def guess_role(value: str) -> Role | None:
    """The role that a value of a role column means; None if its name does not tell.

    >>> guess_role("买家"), guess_role("客服-小美"), guess_role("Human"), guess_role("张三")
    ('customer', 'agent', 'customer', None)
    """
    folded = fold(value)
    if folded in _ROLES:
        return _ROLES[folded]
    # "客服小美", "人工客服", "用户8812": a Chinese role word at either end; ASCII ones occur inside of names.
    word = next((name for name in _CHINESE if folded.startswith(name) or folded.endswith(name)), None)
    return _ROLES[word] if word else None


def role_reader(config: ConversationsConfig, values: Counter[str], file: str) -> tuple[RoleOf, str]:
    """A function from a role value to its role, and a remark on what it takes for granted ("" if nothing).

    Names in the config come first, then known names. Where only one side of the conversation is
    known by name, every other value is the other side: exports often name each customer by a
    nickname. Raises UserError if neither side is known in `values`, a sample's count of each value.
    """
    named: dict[str, Role] = {fold(value): "customer" for value in config.customer_roles}
    named.update({fold(value): "agent" for value in config.agent_roles})

    def by_name(value: str) -> Role | None:
        return named.get(fold(value)) or guess_role(value)

    sides = set(named.values()) or {role for role in map(by_name, values) if role in ("customer", "agent")}
    unknown = [value for value, _ in values.most_common() if by_name(value) is None]
    listed = ", ".join(unknown[:8])
    if not unknown or len(sides) == 2:
        return by_name, ""
    if not sides:
        raise UserError(
            f"{file}: who wrote what cannot be told; the roles are {listed}",
            "set customer_roles and agent_roles in [conversations] of faqtune.toml",
        )
    rest: Role = "agent" if "customer" in sides else "customer"
    return lambda value: by_name(value) or (rest if value else None), f"taken for the {rest}: {listed}"
