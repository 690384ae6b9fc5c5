"""What people at the page and in the terminal do together: who gets which item, and what becomes of an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from faqtune import claims as claim_store
from faqtune.annotate.agreement import SETTLED
from faqtune.annotate.answers import Answer
from faqtune.annotate.decisions import (
    Decision,
    act_of,
    answer_of,
    checked,
    claims_of_act,
    query_in,
)
from faqtune.annotate.kept import keep_queries
from faqtune.annotate.material import Material
from faqtune.annotate.proposals import MISSING, QUESTION, checked_proposal, checked_same
from faqtune.annotate.refused import Refused
from faqtune.annotate.shown import Shown, offer_of, shown
from faqtune.annotate.store import ANSWER, PROPOSAL, SAME, UNDO, Act, Store, held_open
from faqtune.annotate.told import Found, Told, Undone, told
from faqtune.records import HUMAN, Query

SECONDS_UNTIL_QUERIES_ARE_KEPT = 1.0
MOST_RECENT = 30
MOST_HELD = 8
"""Items that one person may have at once: the one on the screen and those fetched ahead."""

__all__ = ["MISSING", "QUESTION", "Session"]


class Session:
    """One project being annotated by one or several people. Safe for several threads.

    Several processes may have a session of the same project: leases and acts lie in its store.
    """

    def __init__(self, store: Store, claims_path: Path, queries_path: Path, material: Material, lease_seconds: float):
        self.store, self.claims_path, self.queries_path = store, claims_path, queries_path
        self.lease_seconds = lease_seconds
        self._material = material
        self._lock = Lock()
        self._keeping: Timer | None = None
        self.generation = 0
        """Counts how often the queue was ordered anew: items fetched ahead before that are stale."""
        self._reconcile()
        self._held = held_open(claims_path)

    @property
    def material(self) -> Material:
        return self._material

    def _reconcile(self) -> None:
        """Make up for what a killed process had written as acts only."""
        acts = self.store.acts()
        claims = [claim for act in acts if act.kind == ANSWER for claim in claims_of_act(act)]
        if claims:
            claim_store.append(self.claims_path, claims)
        undone = {act.data["of"]: act.by for act in acts if act.kind == UNDO}
        if undone:
            in_force = {claim.act for claim in claim_store.read(self.claims_path)}
            for act, by in undone.items():
                if act in in_force:
                    claim_store.withdraw(self.claims_path, act, f"{HUMAN}{by}")
        self.keep()

    def answers(self, *, of_item: bool = False) -> list[Answer]:
        """All answers that stand, oldest first."""
        return [answer_of(act, of_item=of_item) for act in self.store.standing(ANSWER)]

    def next(self, by: str, count: int, have: Sequence[str] = ()) -> list[Shown]:
        """Items so that this person has `count` of them with those they `have`; fewer where nothing is left.

        Each is theirs until its lease runs out. What they had taken and do not `have` (the page was
        loaded anew) comes first.
        """
        with self._lock:
            material = self._material
            queue = material.queue
            self.store.renew(have, by, self.lease_seconds)
            leases = self.store.leases()
            mine = [(item, why) for item, (owner, why) in leases.items() if owner == by and item not in have]
            found = [shown(material, queue.item(item, why)) for item, why in mine if item in queue.rows]
            answers = self.answers(of_item=True)
            while len(found) + len(have) < min(count, MOST_HELD):
                taken = {item: owner for item, (owner, _) in self.store.leases().items()} | dict.fromkeys(have, by)
                item = queue.next(answers, taken, by)
                if item is None:
                    break
                if self.store.lease(item.query.id, by, item.why, self.lease_seconds):
                    found.append(shown(material, item))
            return found

    def show(self, item: str, why: str, turns: int | None = None) -> Shown:
        """An item again, with so many of the customer's turns. Raises Refused for what is not in the queue."""
        material = self._material
        if item not in material.queue.rows:
            raise Refused("there is no such item", "load the page anew")
        found = material.queue.item(item, why)
        return shown(material, found, self._query(found.query, turns) if turns is not None else None)

    def answer(self, by: str, decision: Decision) -> bool:
        """Write a decision; False if it was there before. When this returns it cannot be lost.

        Raises Refused for what no page of ours sends.
        """
        material = self._material
        decision = checked(decision, material.catalogue.rows)
        if decision.item not in material.queue.rows:
            raise Refused("there is no such item", "load the page anew")
        query = self._query(material.queue.item(decision.item, decision.why).query, decision.turns)
        return self._write(act_of(decision, query, by))

    def take_in(self, act: Act) -> bool:
        """Write an act of answering that came in a file; False if it was there before."""
        return self._write(act)

    def _write(self, act: Act) -> bool:
        new = self.store.add(act)
        # Also of an act that is there: the process may have been killed between the two.
        stored = act if new else next(known for known in self.store.acts() if known.act == act.act)
        if stored.kind == ANSWER and (claims := claims_of_act(stored)):
            claim_store.append(self.claims_path, claims)
            self._keep_soon()
        return new

    def _query(self, query: Query, turns: int | None) -> Query:
        able = self._material.pool.customer_turns(query)
        if turns is None or turns == sum(number in query.turns for number in able):
            return query
        try:
            return self._material.pool.with_turns(query, turns)
        except ValueError:
            raise Refused("the conversation does not have so many turns", "load the page anew") from None

    def undo(self, by: str, undoing: str, chosen: str = "") -> Undone | None:
        """Take back this person's last answer that stands, or the `chosen` one, and show its item again; None if
        there is none."""
        act = self.store.undo(undoing, by, chosen)
        if act is None:
            return None
        claim_store.withdraw(self.claims_path, act.act, f"{HUMAN}{by}")
        item, why = act.data["item"], act.data["why"]
        self.store.lease(item, by, why, self.lease_seconds)
        if item not in self._material.queue.rows:
            return None
        query = query_in(act.data)
        found = self._material.queue.item(item, why)
        return Undone(
            shown(self._material, found, query if query.id != found.query.id else None),
            told(act, self._material.catalogue),
        )

    def recent(self, by: str, most: int = MOST_RECENT) -> list[Told]:
        """This person's last answers that stand, the latest first."""
        mine = [act for act in reversed(self.store.standing(ANSWER)) if act.by == by]
        return [told(act, self._material.catalogue) for act in mine[:most]]

    def search(self, text: str, top: int = 20) -> list[Found]:
        """Entries of the whole catalogue for what somebody typed."""
        material = self._material
        hits = material.search.find(text[:200], top)
        return [Found(offer_of(material, hit.entry, hit.similarity), hit.question, hit.how) for hit in hits]

    def propose(self, by: str, act: str, data: dict[str, Any]) -> bool:
        """Keep a standard question that an entry should have, or an entry that is missing."""
        return self.store.add(Act(act, PROPOSAL, by, checked_proposal(data, self._material.catalogue.rows)))

    def same(self, by: str, act: str, data: dict[str, Any]) -> bool:
        """Keep that two entries mean the same."""
        return self.store.add(Act(act, SAME, by, checked_same(data, self._material.catalogue.rows)))

    def withdraw(self, by: str, undoing: str, of: str) -> bool:
        """Take back a proposal or a report, whoever made it."""
        known = {act.act for act in self.store.standing(PROPOSAL, SAME)}
        return of in known and self.store.add(Act(undoing, UNDO, by, {"of": of}))

    def settle(self, by: str, item: str) -> Shown:
        """An item that people answered differently, with what they said."""
        found = self.show(item, SETTLED)
        said = [
            {"by": act.by} | {key: act.data[key] for key in ("what", "entries", "reason", "note")}
            for act in self.store.standing(ANSWER)
            if act.data["item"] == item
        ]
        known = {offer.entry for offer in found.offers}
        more = dict.fromkeys(entry for one in said for entry in one["entries"] if entry not in known)
        others = [offer_of(self._material, entry) for entry in more if self.is_known([entry])]
        return replace(found, said=tuple(said), offers=(*found.offers, *others))

    def order_anew(self, make: Callable[[Material], Material]) -> None:
        """Go on with another model's view; items that were fetched ahead go back."""
        made = make(self._material)
        # Before the lock: it takes seconds, and people go on meanwhile.
        made.order()
        made.warm_up()
        with self._lock:
            self._material = made
            self.generation += 1
            self.store.release()

    def _keep_soon(self) -> None:
        with self._lock:
            if self._keeping is None:
                self._keeping = Timer(SECONDS_UNTIL_QUERIES_ARE_KEPT, self.keep)
                self._keeping.daemon = True
                self._keeping.start()

    def keep(self) -> None:
        """Write the queries that people labelled to where training finds them."""
        with self._lock:
            self._keeping = None
            keep_queries(self.store, self.queries_path)

    def close(self) -> None:
        """Keep what is still to be kept."""
        if self._keeping is not None:
            self._keeping.cancel()
        self.keep()
        self._held.close()
        self.store.close()

    def is_known(self, entries: Collection[str]) -> bool:
        return all(entry in self._material.catalogue.rows for entry in entries)
