"""What `faqtune compare --apply` found, in words."""

from __future__ import annotations

from faqtune.commands.mixing.search import APPLIED, BASE_IS_BEST, FORGETS, NOTHING_HELPS, Applied
from faqtune.console.output import UNCHANGED
from faqtune.evaluate.wording import points_of

NAMES = {"oscr@5": "OSCR@5%", "auroc": "AUROC", "recall@1": "recall@1"}


def applied_lines(applied: Applied) -> list[str]:
    """The coefficients, what they gave on either half, and whether that was taken over."""
    lines = [*[UNCHANGED] * applied.skipped, f"Each layer of {applied.source}: 1 is as tuned, 0 as in {applied.base}."]
    turned = [f"  {layer}: {coefficient:g}" for layer, coefficient in applied.coefficients.items() if coefficient != 1]
    as_tuned = len(applied.coefficients) - len(turned)
    lines += [*turned, f"  {'all ' if not turned else 'other '}{as_tuned} layers: 1"]
    lines.append(
        f"Searched on one half of the selection part ({_size(applied.searched_on)}; {applied.tried} mixtures): "
        + ", ".join(f"{NAMES[n]} {100 * was:.1f} → {100 * applied.after[n]:.1f}" for n, was in applied.before.items())
    )
    if applied.confirmed:
        said = ", ".join(f"{NAMES[name]} {points_of(found)}" for name, found in applied.confirmed.items())
        lines.append(f"On the other half ({_size(applied.confirmed_on)}): {said} [95 % interval]")
    forgotten = applied.forgetting
    lines.append(
        f"Forgetting on everyday sentences: {applied.forgetting_before:+.4f} → {forgotten['value']:+.4f} "
        f"[{forgotten['low']:+.4f}, {forgotten['high']:+.4f}], at most {applied.forgetting_budget:g} is allowed"
    )
    return [*lines, *_verdict(applied)]


def _verdict(applied: Applied) -> list[str]:
    if applied.verdict == APPLIED:
        lines = [f"{applied.run}: now the newest run", f"  model: {applied.model}"]
        if applied.confirmed[applied.metric]["low"] <= 0:
            lines.append("  note: the interval does not leave zero out: it may be no better. `faqtune evaluate` tells.")
        return lines
    said = {
        NOTHING_HELPS: "Turning no layer back is better than the tuned model: nothing was changed.",
        BASE_IS_BEST: "The base itself is best: nothing was changed. Train with a lower learning rate.",
        FORGETS: "Nothing was found that forgets so little: nothing was changed. Allow more with --forgetting.",
    }
    return [said.get(applied.verdict, "It does not hold up on the other half: it was not taken over.")]


def _size(counts: dict[str, int]) -> str:
    return f"{counts['queries']} queries, {counts['noise']} noise sentences"
