"""What the page asks for when everything is ready. Who may ask is settled before, in `faqtune.annotate.guard`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from faqtune.annotate.carry import MEDIA_TYPES, exported
from faqtune.annotate.chinese import chinese, in_chinese
from faqtune.annotate.decisions import MOST_ENTRIES, MOST_NOTE_CHARACTERS, Decision
from faqtune.annotate.insight import Insight
from faqtune.annotate.refused import Refused
from faqtune.annotate.session import Session
from faqtune.annotate.tuning import Tuner
from faqtune.errors import UserError

CLIENT_ID = Field(pattern=r"^[A-Za-z0-9-]{8,64}$")
"""Made by the client: one per act, the same when it is sent again."""
ID = Field(min_length=1, max_length=200)


class Body(BaseModel):
    """What a client sends. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")
    act: Annotated[str, CLIENT_ID]


class AnswerBody(Body):
    item: Annotated[str, ID]
    what: Literal["pick", "none", "skip", "flag"]
    turns: Annotated[int, Field(ge=1, le=100)]
    entries: Annotated[list[Annotated[str, ID]], Field(max_length=MOST_ENTRIES)] = []
    reason: Annotated[str, Field(max_length=40)] = ""
    note: Annotated[str, Field(max_length=MOST_NOTE_CHARACTERS)] = ""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    candidates: Annotated[list[Annotated[str, ID]], Field(max_length=MOST_ENTRIES)] = []
    suggested: Annotated[str, Field(max_length=200)] = ""
    why: Annotated[str, Field(max_length=40)] = ""
    audit: bool = False


class ProposalBody(Body):
    what: Literal["question", "entry"]
    entry: Annotated[str, Field(max_length=200)] = ""
    question: Annotated[str, Field(max_length=500)]
    answer: Annotated[str, Field(max_length=5000)] = ""
    note: Annotated[str, Field(max_length=2000)] = ""
    query: Annotated[str, Field(max_length=2000)] = ""


class SameBody(Body):
    entries: Annotated[list[Annotated[str, ID]], Field(min_length=2, max_length=2)]
    note: Annotated[str, Field(max_length=2000)] = ""


class WithdrawBody(Body):
    of: Annotated[str, CLIENT_ID]


class UndoBody(Body):
    of: Annotated[str, Field(max_length=64)] = ""


class TuneBody(Body):
    recipe: Annotated[str, Field(max_length=200)] = ""
    share: Annotated[float | None, Field(ge=0, le=1)] = None


class Plain(JSONResponse):
    """JSON in ASCII: half a surrogate pair (an emoji cut in two) arrives as it was."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=True, allow_nan=False).encode()


def make_routes(session: Session, tuner: Tuner) -> FastAPI:
    """Everything below /api and /export."""
    app = FastAPI(title="faqtune annotate", docs_url=None, redoc_url=None, openapi_url=None)
    _add_items(app, session)
    _add_acts(app, session)
    _add_overview(app, session, Insight(session, tuner.points), tuner)
    add_handlers(app)
    return app


def add_handlers(app: FastAPI) -> None:
    """Errors as JSON: 400 where asking again does not help, 503 where it may."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _bad_request)


def _by(request: Request) -> str:
    by: str = request.state.by
    return by


def _user_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    status = 400 if isinstance(error, Refused) else 503
    return said(error.problem, error.next_step, status)


def _bad_request(_: Request, error: Exception) -> Response:
    return said("this is no request of the page", "load the page anew", 400)


def said(problem: str, next_step: str, status: int) -> Plain:
    """An error in both languages of the page, which chooses."""
    told = {"error": problem, "next": next_step}
    return Plain({**told, "zh": in_chinese(told)}, status)


def told(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a tuning with its sentences in Chinese too; `last`: what it said last, where that has Chinese."""
    sentences = {key: state.get(key, "") for key in ("problem", "next", "what")}
    sentences["not_measured"] = (state.get("result") or {}).get("not_measured", "")
    last = state.get("lines") or [""]
    return {**state, "zh": {**in_chinese(sentences), "last": chinese(last[-1]) or ""}}


def _add_items(app: FastAPI, session: Session) -> None:
    @app.get("/api/items")
    def items(request: Request, count: int = 1, have: str = "") -> Response:
        found = session.next(_by(request), count, [item for item in have.split(",") if item])
        return Plain({"items": [asdict(item) for item in found], "generation": session.generation})

    @app.get("/api/item")
    def item(item: str, why: str = "", turns: int | None = None) -> Response:
        return Plain(asdict(session.show(item, why, turns)))

    @app.get("/api/settle")
    def settle(request: Request, item: str) -> Response:
        return Plain(asdict(session.settle(_by(request), item)))

    @app.get("/api/recent")
    def recent(request: Request) -> Response:
        return Plain([asdict(found) for found in session.recent(_by(request))])

    @app.get("/api/search")
    def search(q: str = "") -> Response:
        return Plain([asdict(found) for found in session.search(q)])


def _add_acts(app: FastAPI, session: Session) -> None:
    @app.post("/api/answers")
    def answer(request: Request, body: AnswerBody) -> Response:
        decision = Decision(
            act=body.act, item=body.item, what=body.what, turns=body.turns, entries=tuple(body.entries),
            reason=body.reason, note=body.note, seconds=body.seconds, candidates=tuple(body.candidates),
            suggested=body.suggested, why=body.why, audit=body.audit,
        )  # fmt: skip
        return Plain({"new": session.answer(_by(request), decision), "generation": session.generation})

    @app.post("/api/undo")
    def undo(request: Request, body: UndoBody) -> Response:
        found = session.undo(_by(request), body.act, body.of)
        return Plain({"item": None, "was": None} if found is None else asdict(found))

    @app.post("/api/proposals")
    def propose(request: Request, body: ProposalBody) -> Response:
        return Plain({"new": session.propose(_by(request), body.act, body.model_dump())})

    @app.post("/api/same")
    def same(request: Request, body: SameBody) -> Response:
        return Plain({"new": session.same(_by(request), body.act, body.model_dump())})

    @app.post("/api/withdraw")
    def withdraw(request: Request, body: WithdrawBody) -> Response:
        return Plain({"new": session.withdraw(_by(request), body.act, body.of)})


def _add_overview(app: FastAPI, session: Session, insight: Insight, tuner: Tuner) -> None:
    @app.get("/api/count")
    def count(request: Request) -> Response:
        return Plain(insight.count(_by(request)))

    @app.get("/api/progress")
    def progress() -> Response:
        return Plain(insight.progress())

    @app.get("/api/disagreements")
    def disagreements() -> Response:
        return Plain(insight.disagreements())

    @app.get("/api/gaps")
    def gaps() -> Response:
        return Plain(insight.gaps())

    @app.get("/api/proposals")
    def proposals() -> Response:
        return Plain(insight.proposals())

    @app.get("/export/{name}")
    def export(name: str) -> Response:
        content = exported(session, insight, name)
        kind = MEDIA_TYPES[Path(name).suffix]
        return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})

    @app.get("/api/tuning")
    def tuning() -> Response:
        return Plain({**told(tuner.state()), "model": session.material.model})

    @app.post("/api/tuning")
    def tune(body: TuneBody) -> Response:
        return Plain(told(tuner.start(body.recipe, body.share)))

    @app.post("/api/tuning/cancel")
    def cancel(body: Body) -> Response:
        return Plain(told(tuner.cancel()))
