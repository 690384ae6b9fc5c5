"""The project of one seed of `annotation.py`: a test that stays, and a pool of hand labels to choose from."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import annotation_clinc150
from faqtune import claims as claim_store
from faqtune import make_split
from faqtune.annotate.answers import FLAG, NONE, PICK, Answer
from faqtune.annotate.decisions import Decision, act_of
from faqtune.annotate.queue import Meanings, Queue, Shares, Weights
from faqtune.annotate.standin import Labelled, score
from faqtune.annotate.store import Store
from faqtune.commands.project.annotated import chosen_queries
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.models import load_model
from faqtune.commands.project.settled import settled
from faqtune.commands.project.training_set import training_data
from faqtune.evaluate import calibrate, evaluate
from faqtune.label import pairs_of, place_of
from faqtune.progress import Silent
from faqtune.records import CALIBRATION, TEST, TRAIN, Claim, Query
from faqtune.stored import write_json, write_jsonl
from faqtune.workspace import Workspace
from quality_projects import project_of

CHOOSING = Weights(doubtful=0, random=0)
"""Of the queue's reasons those that need no tuning before, without the random share, whose labels test."""
MINIMUM_CONFIDENCE = 0.6
"""Of the default recipe: less sure labels train nothing."""
FILES = ("catalogue.jsonl", "conversations.jsonl", "noise.jsonl", "queries.jsonl", "split.json", "faqtune.toml")


@dataclass(frozen=True)
class Simulation:
    """A project without any label of the pool; `truth`: what people would say of each query of the pool, by its id.

    `machine` and `test` are all other Claims.
    """

    workspace: Workspace
    seed: int
    model: str
    pool: tuple[Query, ...]
    truth: dict[str, Claim]
    machine: tuple[Claim, ...]
    test: tuple[Claim, ...]

    def chosen(self, strategy: str, amount: int) -> list[str]:
        """Ids of the first `amount` queries that a strategy would ask about; of "all" the whole pool."""
        if strategy in ("base", "weak"):
            return []
        return self.orders[strategy][: amount or None]

    @cached_property
    def orders(self) -> dict[str, list[str]]:
        """Every order in which the pool may be labelled; made once and kept."""
        path = self.workspace.root / "orders.json"
        if not path.exists():
            chance = np.random.default_rng([self.seed, 1]).permutation(len(self.pool))
            by_chance = [self.pool[place].id for place in chance]
            write_json(path, {"random": by_chance, "all": by_chance, "queue": self._asked()})
        found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _asked(self) -> list[str]:
        """The pool in the order of the queue, with the base model's vectors and right answers."""
        queue, answers = self.queue(), []
        while (item := queue.next(answers, {}, "simulated")) is not None:
            said = self.truth[item.query.id]
            entries = () if said.entry is None else (said.entry,)
            act = PICK if entries else NONE
            answers.append(Answer(act, item.query.id, entries, said.reason, "simulated", why=item.why))
        order = dict.fromkeys(answer.query for answer in answers)
        # What asks the same as an answered query is not asked; whoever labels all of the pool labels it last.
        return [*order, *(query.id for query in self.pool if query.id not in order)]

    def queue(self) -> Queue:
        project = load_project(self.workspace)
        encoder = load_model(self.workspace, self.model, Silent(), exact=True)
        threshold = calibrate(evaluate(encoder, evaluation_set(project, CALIBRATION))).threshold_cosine
        catalogue = project.catalogue
        encoded = [
            encoder.encode(texts)
            for texts in (
                [query.text for query in self.pool],
                catalogue.questions,
                [query.reply for query in self.pool],
                [entry.answer for entry in catalogue],
            )
        ]
        # Rules may have taken other turns along; what they say of a turn is said of the pool's query that ends there.
        place_by_id = {query.id: place_of(query) for query in project.queries}
        by_place = {place_of(query): query.id for query in self.pool}
        said = [
            Claim(by_place[place], claim.entry, claim.by, claim.confidence)
            for claim in self.machine
            if (place := place_by_id.get(claim.query)) in by_place
        ]
        shares = Shares(second=0, audit=0)
        return Queue(
            self.pool, catalogue, said, Meanings(*encoded), threshold, weights=CHOOSING, shares=shares, seed=self.seed
        )

    def stand_ins(self) -> dict[str, float]:
        """The stand-in of `faqtune.annotate.standin` for every order and each amount in steps of 50; made once."""
        path = self.workspace.root / "stand_ins.json"
        if not path.exists():
            write_json(path, self._stand_ins())
        found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _stand_ins(self) -> dict[str, float]:
        project = load_project(self.workspace)
        encoder = load_model(self.workspace, self.model, Silent(), exact=True)
        test = evaluation_set(project, TEST)
        catalogue = test.catalogue
        measured = Labelled(
            encoder.encode([*(query.text for query in test.positives), *(noise.text for noise in test.negatives)]),
            np.array([*test.entry_rows.tolist(), *[-1] * len(test.negatives)]),
        )
        chatter = [each.text for each in project.noise if project.split.noise[each.source] == TRAIN]
        questions, noise = encoder.encode(catalogue.questions), encoder.encode(chatter)
        bare = self.with_labels(self.workspace.root / "weak", [])
        data = training_data(bare, load_project(bare), bare.pairs()).confident(MINIMUM_CONFIDENCE)
        shutil.rmtree(bare.root)
        said = [(each.text, data.catalogue.entries[each.row].id) for each in data.labels]
        said = [(text, entry) for text, entry in said if entry in catalogue.rows]
        weak = Labelled(
            encoder.encode([text for text, _ in said]), np.array([catalogue.rows[entry] for _, entry in said])
        )
        rows = {query.id: row for row, query in enumerate(self.pool)}
        vectors = encoder.encode([query.text for query in self.pool])
        found = {}
        for strategy, order in self.orders.items():
            for amount in (*range(0, len(order), 50), len(order)):
                # An entry that is held out of the test's catalogue is none of the stand-in's either.
                ids = [name for name in order[:amount] if self.truth[name].entry in {None, *catalogue.rows}]
                entries = [self.truth[name].entry for name in ids]
                known = Labelled(
                    vectors[[rows[name] for name in ids]].reshape(-1, vectors.shape[1]),
                    np.array([-1 if e is None else catalogue.rows[e] for e in entries], dtype=np.int64),
                )
                found[f"{strategy}-{amount}"] = score(questions, catalogue.owners, noise, known, measured, weak)
        return found

    def with_labels(self, folder: Path, chosen: list[str]) -> Workspace:
        """A copy of the project in which people have labelled these queries of the pool too."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in FILES:
            shutil.copy2(self.workspace.root / name, folder / name)
        workspace = Workspace(folder)
        said = [*self.machine, *self.test, *(self.truth[query] for query in chosen)]
        claim_store.append(workspace.claims_path, said)
        # As labels that were chosen, whoever chose them: machines are weighed by none of the pool, in no arm.
        store, by_id = Store(workspace.acts_path), {query.id: query for query in self.pool}
        for name in chosen:
            store.add(act_of(Decision(name, name, FLAG, 1, why="uncertain"), by_id[name], "simulated"))
        queries, split = workspace.queries(), workspace.split()
        decided = settled(said, queries, split, chosen_queries(workspace, split))
        write_jsonl(workspace.pairs_path, pairs_of(decided, queries, workspace.catalogue())[0])
        return workspace


def simulation_of(name: str, data: Path, work: Path, seed: int, tested: int) -> Simulation:
    """The simulation of a data set and a seed, as it was made the first time."""
    workspace = Workspace(work / f"seed{seed}")
    path = workspace.root / "simulation.json"
    if not path.exists():
        if name == "clinc150":
            annotation_clinc150.make(data, workspace, seed)
        else:
            _make(data, work, workspace, seed, tested)
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    queries = {query.id: query for query in workspace.queries()}
    said = [Claim(**row) for row in made["claims"]]
    replies: dict[str, str] = made["replies"]
    pool = tuple(
        Query(query.id, query.text, query.conversation, query.turns, replies[query.id])
        for query in map(queries.__getitem__, replies)
    )
    return Simulation(
        workspace,
        seed,
        workspace.config().model.base,
        pool,
        {claim.query: claim for claim in said if claim.query in replies},
        tuple(claim for claim in said if not claim.is_human),
        tuple(claim for claim in said if claim.is_human and claim.query not in replies),
    )


def _make(data: Path, work: Path, workspace: Workspace, seed: int, tested: int) -> None:
    """Split by the labels of the test alone; then the pool's conversations, whatever they were, are for training."""
    project_of("taobao", data, workspace.root, seed, 0, work / "prepared")
    queries = {query.id: query for query in workspace.queries()}
    said = claim_store.read(workspace.claims_path)
    human = {claim.query: queries[claim.query] for claim in said if claim.is_human}
    names = sorted({query.conversation for query in human.values()})
    test: set[str] = set()
    for place in np.random.default_rng([seed, 300]).permutation(len(names)):
        if sum(query.conversation in test for query in human.values()) < tested:
            test.add(names[place])
    pool = {name: query for name, query in human.items() if query.conversation not in test}
    workspace.claims_path.unlink()
    claim_store.append(workspace.claims_path, [claim for claim in said if claim.query not in pool])
    make_split(workspace, force=True)
    split = json.loads(workspace.split_path.read_text(encoding="utf-8"))
    split["conversations"] |= dict.fromkeys((query.conversation for query in pool.values()), TRAIN)
    write_json(workspace.split_path, split)
    assert all(split["conversations"][name] == TEST for name in test)
    spoken = {
        (conversation.id, number): turn.agent
        for conversation in workspace.conversations()
        for number, turn in enumerate(conversation.turns)
    }
    replies = {name: spoken.get(place_of(query), "") for name, query in pool.items()}
    # Written last: a simulation that has it is whole.
    write_json(workspace.root / "simulation.json", {"replies": replies, "claims": said})
