"""Whether there is enough to measure for an honest figure."""

from __future__ import annotations

from faqtune.errors import UserError

LEAST_QUERIES = 20
OF_THE_SPLIT = ", add logs, or change the shares under [split]"


def refuse_too_few(queries: int, of: str, advice: str = OF_THE_SPLIT) -> None:
    """Raises UserError where there is too little to measure: better asked before a training than after it."""
    if queries < LEAST_QUERIES:
        raise UserError(
            f"{of}: only {queries} queries with an entry, too few for an honest figure",
            f"label at least {LEAST_QUERIES} by hand{advice}",
        )
