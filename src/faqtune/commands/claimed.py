"""The claims of a project whose labelling is finished: half of them would pass for all that there is."""

from __future__ import annotations

from pathlib import Path

from faqtune import claims as claim_store
from faqtune.errors import UserError
from faqtune.label import BY
from faqtune.records import Claim
from faqtune.workspace import Workspace, read_json

MADE_BY = "faqtune label"


def summary_path(workspace: Workspace) -> Path:
    """What `faqtune label` printed. Written last and removed first: without it labels may be half written."""
    return workspace.root / "labels.json"


def finished_claims(workspace: Workspace, *, by_label: bool = True) -> list[Claim]:
    """All claims. Raises UserError where `faqtune label` was cut off, or where claims have gone since.

    Without `by_label` they may have been made by other means than `faqtune label`: then nothing but
    their file has to be there.
    """
    summary = summary_path(workspace)
    missing = [path for path in (workspace.claims_path, *([summary] if by_label else [])) if not path.exists()]
    if missing:
        raise UserError(f"labelling is not finished: there is no {missing[0]}", f"run `{MADE_BY}`")
    claims = claim_store.read(workspace.claims_path)
    if summary.exists() and (gone := missing_claims(workspace, claims)):
        raise UserError(
            f"labelling is not finished: {workspace.claims_path} lacks {gone} of the rules' labels", f"run `{MADE_BY}`"
        )
    return claims


def missing_claims(workspace: Workspace, claims: list[Claim]) -> int:
    """How many of the rules' claims that the last labelling counted are no longer there."""
    counted = read_json(summary_path(workspace), MADE_BY).get("claims")
    there = sum(claim.by == BY for claim in claims)
    return max(0, counted - there) if isinstance(counted, int) else 0
