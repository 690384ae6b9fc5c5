"""How far annotation has got and what it has found: what the page's other views show, as plain data."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import Any

from faqtune.annotate.answers import Answer, labels_by_query, standing
from faqtune.annotate.session import Session
from faqtune.annotate.sheets import sheet
from faqtune.annotate.store import PROPOSAL, SAME

MOST_SECONDS = 300.0
"""Whoever looks at an item for longer has gone for coffee."""
NOTHING = {"n": 0, "right": 0, "low": None, "high": None, "share": None}


class Insight:
    """Summaries of a session, made anew on every call."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def count(self, by: str) -> dict[str, Any]:
        """What stands in the foot of the page."""
        answers = standing(self.session.answers())
        mine = [answer for answer in answers if answer.by == by]
        return {"mine": len(mine), "all": len(answers), "minutes": round(_pace(mine)["minutes"])}

    def progress(self) -> dict[str, Any]:
        """Items and minutes, of everybody and of each person."""
        answers = standing(self.session.answers())
        people: dict[str, list[Answer]] = defaultdict(list)
        for answer in answers:
            people[answer.by].append(answer)
        return {
            "pace": _pace(answers),
            "people": {name: _pace(found) for name, found in sorted(people.items())},
            "weak": [],
            "kinds": {},
            "agreement": {"items": 0},
            "lead": {"shown": NOTHING, "hidden": NOTHING, "difference": None},
            "curve": [],
            "projection": {"ahead": 100, "gain": None, "why": "nothing has been measured"},
        }

    def disagreements(self) -> dict[str, Any]:
        """What people answered differently."""
        queue = self.session.material.queue
        found = []
        for query, said in labels_by_query(self.session.answers(of_item=True)).items():
            if len({answer.label for answer in said}) > 1 and query in queue.rows:
                told = [
                    {"by": one.by, "entries": self._questions(one.entries), "reason": one.reason, "note": one.note}
                    for one in said
                ]
                found.append({"item": query, "text": queue.queries[queue.rows[query]].text, "said": told})
        return {"agreement": {"items": 0}, "items": found}

    def gaps(self) -> dict[str, Any]:
        """What nobody could match."""
        return {"gaps": [], "count": 0}

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

    def proposals_sheet(self) -> bytes:
        """The proposals as a spreadsheet for whoever owns the catalogue."""
        rows = [
            (
                "same" if row["kind"] == SAME else row["what"],
                row["questions"][0] if row["questions"] else "",
                row["questions"][1] if len(row["questions"]) > 1 else "",
                row.get("question", ""), row.get("answer", ""), row["note"], row.get("query", ""), row["by"],
                row["when"],
            )
            for row in self.proposals()["proposals"]
        ]  # fmt: skip
        header = ("kind 类型", "entry 条目", "second entry 条目二", "question 标准问题", "answer 答案", "note 备注",
                  "customer wrote 客户原话", "by 标注人", "when 时间")  # fmt: skip
        return sheet("proposals", header, rows)

    def gaps_sheet(self) -> bytes:
        """The gap list as a spreadsheet."""
        rows = [
            (gap["title"], gap["conversations"], gap["by_people"], gap["nearest"], "\n".join(gap["examples"]))
            for gap in self.gaps()["gaps"]
        ]
        header = (
            "question 问题",
            "conversations 会话数",
            "by people 人工确认",
            "nearest entry 最近条目",
            "examples 例子",
        )
        return sheet("gaps", header, rows)

    def _questions(self, entries: Any) -> list[str]:
        catalogue = self.session.material.catalogue
        return [catalogue.entries[catalogue.rows[entry]].questions[0] for entry in entries if entry in catalogue.rows]


def _pace(answers: list[Answer]) -> dict[str, Any]:
    seconds = [min(answer.seconds, MOST_SECONDS) for answer in answers if answer.seconds > 0]
    labels, minutes = sum(answer.is_label for answer in answers), sum(seconds) / 60
    return {
        "items": len(answers),
        "labels": labels,
        "minutes": minutes,
        "median_seconds": median(seconds) if seconds else 0.0,
        "labels_per_hour": 60 * labels / minutes if minutes else 0.0,
    }
