"""How far annotation has got and what it has found: what the page's other views show, as plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from faqtune.annotate.agreement import agreement, disagreements, lead, still_flagged
from faqtune.annotate.answers import Answer, labels_by_query, standing
from faqtune.annotate.curve import project
from faqtune.annotate.gaps import gaps
from faqtune.annotate.progress import pace, pace_by_person, shares_of_kinds, weak_precision
from faqtune.annotate.session import Session
from faqtune.annotate.signals import by_query
from faqtune.annotate.standin_points import learning_points
from faqtune.annotate.store import PROPOSAL, SAME
from faqtune.annotate.tuned import Tuned, as_shown, learned
from faqtune.annotate.workbook import Row

AHEAD = 100
"""Labels that the projection looks ahead."""
MOST_GAPS = 200
NO_REQUEST = ("chitchat", "unclear")
"""What people call so is as far from a gap as the chatter of files."""
PROPOSALS_HEADER = (
    "kind 类型", "entry 条目", "second entry 条目二", "question 标准问题", "answer 答案", "note 备注",
    "customer wrote 客户原话", "by 标注人", "when 时间",
)  # fmt: skip
GAPS_HEADER = ("question 问题", "conversations 会话数", "by people 人工确认", "nearest entry 最近条目", "examples 例子")


class Insight:
    """Summaries of a session. What takes long is remembered until somebody answers again, or a tuning ends.

    `tunings`: what real tunings have reached so far.
    """

    def __init__(self, session: Session, tunings: Callable[[], Sequence[Tuned]] = tuple) -> None:
        self.session, self.tunings = session, tunings
        self._remembered = lru_cache(maxsize=8)(self._made)

    def count(self, by: str) -> dict[str, Any]:
        """What stands in the foot of the page."""
        answers = standing(self.session.answers())
        mine = [answer for answer in answers if answer.by == by]
        return {"mine": len(mine), "all": len(answers), "minutes": round(pace(mine).minutes)}

    def progress(self) -> dict[str, Any]:
        """Pace, what the random share says, agreement, and the learning curve with what more labels would bring."""
        return self._fresh("progress", tuple(self.tunings()))

    def disagreements(self) -> dict[str, Any]:
        """What people answered differently, how much they agree, and what is flagged for somebody else."""
        return self._fresh("disagreements")

    def gaps(self) -> dict[str, Any]:
        """What nobody could match, in groups: what people confirmed first, then the largest; at most `MOST_GAPS`."""
        return self._fresh("gaps")

    def _fresh(self, what: str, tunings: tuple[Tuned, ...] = ()) -> dict[str, Any]:
        return self._remembered(what, len(self.session.store.acts()), self.session.generation, tunings)

    def _made(self, what: str, acts: int, generation: int, tunings: tuple[Tuned, ...]) -> dict[str, Any]:
        makers = {"disagreements": self._disagreements, "gaps": self._gaps, "all gaps": self._all_gaps}
        return self._progress(tunings) if what == "progress" else makers[what]()

    def _progress(self, tunings: tuple[Tuned, ...]) -> dict[str, Any]:
        answers, material = self.session.answers(of_item=True), self.session.material
        queue = material.queue
        weak = weak_precision(queue.sample(answers, labelled=True), by_query(material.claims))
        points, missing = learning_points(material, answers)
        points = [point for point in points if math.isfinite(point.value)]
        real = learned(tunings, ahead=AHEAD)
        return _object(
            {
                "pace": pace(answers),
                "people": pace_by_person(answers),
                "weak": weak,
                "kinds": shares_of_kinds(queue.sample(answers)),
                "agreement": agreement(answers),
                "lead": lead(answers),
                "curve": points,
                "curve_needs": missing,
                "tunings": as_shown(real.points),
                "projection": real.projection if real.can_tell else project(points, ahead=AHEAD),
                "projected_from": real.runs,
                "queries": len(material.pool.queries),
            }
        )

    def _disagreements(self) -> dict[str, Any]:
        answers = self.session.answers(of_item=True)
        queue = self.session.material.queue
        found = [self._to_settle(one.query, one.said) for one in disagreements(answers) if one.query in queue.rows]
        flagged = [self._to_settle(one.query, [one]) for one in still_flagged(answers) if one.query in queue.rows]
        return _object({"agreement": agreement(answers), "items": found, "flagged": flagged})

    def _to_settle(self, query: str, said: Sequence[Answer]) -> dict[str, Any]:
        queue = self.session.material.queue
        rows = [
            {"by": one.by, "what": one.act, "questions": self._questions(one.entries), "reason": one.reason,
             "note": one.note}
            for one in said
        ]  # fmt: skip
        return {"item": query, "text": queue.queries[queue.rows[query]].text, "said": rows}

    def _gaps(self) -> dict[str, Any]:
        found = self._fresh("all gaps")
        return {**found, "gaps": found["gaps"][:MOST_GAPS]}

    def _all_gaps(self) -> dict[str, Any]:
        material = self.session.material
        reasons = self._reasons()
        chatter = [material.queue.rows[query] for query, reason in reasons.items()
                   if reason in NO_REQUEST and query in material.queue.rows]  # fmt: skip
        noise = material.meanings.queries[np.array(chatter, dtype=np.int64)]
        found = gaps(
            material.pool.queries,
            material.meanings.queries,
            material.catalogue,
            material.meanings.questions,
            material.threshold_cosine,
            unsupported={query: reason == "unsupported" for query, reason in reasons.items()},
            noise=noise if material.noise is None else np.concatenate([material.noise, noise]),
        )
        # Of what people confirmed none is left out for a larger guess.
        ordered = sorted(found, key=lambda gap: not gap.by_people)
        rows = [{**asdict(gap), "nearest": self._questions([gap.nearest])[0]} for gap in ordered]
        return _object({"gaps": rows, "count": len(found), "confirmed": sum(gap.by_people > 0 for gap in found)})

    def _reasons(self) -> dict[str, str]:
        """What people said of each query, on the page or in a file of hand labels: why it has no entry, or ""."""
        here = {act.act for act in self.session.store.acts()}
        claims = [claim for claim in self.session.material.claims if claim.is_human and claim.act not in here]
        answered = labels_by_query(self.session.answers(of_item=True))
        return {claim.query: claim.reason for claim in claims} | {q: said[-1].reason for q, said in answered.items()}

    def proposals(self) -> dict[str, Any]:
        """What people want changed in the catalogue, the latest first."""
        rows = []
        for act in reversed(self.session.store.standing(PROPOSAL, SAME)):
            entries = act.data["entries"] if act.kind == SAME else [act.data["entry"]]
            known = [entry for entry in entries if self.session.is_known([entry])]
            rows.append(
                {**act.data, "act": act.act, "kind": act.kind, "by": act.by, "when": act.when,
                 "questions": self._questions(known)}
            )  # fmt: skip
        return {"proposals": rows}

    def proposals_rows(self) -> tuple[Sequence[str], list[Row]]:
        """Header and rows for whoever owns the catalogue."""
        rows: list[Row] = [
            (
                "same" if row["kind"] == SAME else row["what"],
                row["questions"][0] if row["questions"] else "",
                row["questions"][1] if len(row["questions"]) > 1 else "",
                row.get("question", ""), row.get("answer", ""), row["note"], row.get("query", ""), row["by"],
                row["when"],
            )
            for row in self.proposals()["proposals"]
        ]  # fmt: skip
        return PROPOSALS_HEADER, rows

    def gaps_rows(self) -> tuple[Sequence[str], list[Row]]:
        """Header and rows of the gap list."""
        rows: list[Row] = [
            (gap["title"], gap["conversations"], gap["by_people"], gap["nearest"], "\n".join(gap["examples"]))
            for gap in self._fresh("all gaps")["gaps"]
        ]
        return GAPS_HEADER, rows

    def _questions(self, entries: Any) -> list[str]:
        catalogue = self.session.material.catalogue
        return [catalogue.entries[catalogue.rows[entry]].questions[0] for entry in entries if entry in catalogue.rows]


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(item) for key, item in value.items()}


def _plain(value: Any) -> Any:
    """Records as JSON has them; a number that it does not have (NaN) is null."""
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        return _plain({**own, **_properties(value)})
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _properties(record: Any) -> dict[str, Any]:
    names = [name for name, kind in vars(type(record)).items() if isinstance(kind, property)]
    return {name: getattr(record, name) for name in names}
