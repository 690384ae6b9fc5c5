"""The page's server: how people come in, the page, and what it is told until everything is ready."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, select_autoescape

from faqtune.annotate.guard import ENTER, NO_ADDRESS, STATIC, Guard, refusal_page
from faqtune.annotate.people import People
from faqtune.annotate.preparation import Preparation
from faqtune.annotate.routes import Plain, make_routes, said

A_MONTH_SECONDS = 30 * 24 * 3600


def make_app(preparation: Preparation, people: People, cookie_name: str, names: tuple[str, ...] = ()) -> Guard:
    """The whole server, guarded. `names`: host names it goes by besides localhost and addresses in digits."""
    app = FastAPI(title="faqtune annotate", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount(STATIC.rstrip("/"), StaticFiles(directory=_web() / "static"))
    page = Environment(
        loader=PackageLoader("faqtune.annotate", "web"), autoescape=select_autoescape(default=True)
    ).get_template("page.html")
    _add_doors(app, people, cookie_name, page)

    @app.get("/api/ready")
    def ready() -> Response:
        return Plain(preparation.state())

    app.mount("/", Later(preparation))
    return Guard(app, people, cookie_name, names)


class Later:
    """An ASGI application that asks to be tried again until there is something to answer with."""

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation
        self._routes: FastAPI | None = None
        self._lock = Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        routes = self._made()
        answer = routes or said("this is still being made ready", "wait a little", 503)
        await answer(scope, receive, send)

    def _made(self) -> FastAPI | None:
        with self._lock:
            if self._routes is None and self.preparation.made is not None:
                self._routes = make_routes(*self.preparation.made)
            return self._routes


def _web() -> Path:
    return Path(str(resources.files("faqtune.annotate"))) / "web"


def _add_doors(app: FastAPI, people: People, cookie_name: str, page: Any) -> None:
    @app.get(ENTER + "{token}")
    def enter(token: str) -> Response:
        name = people.by_token(token)
        if name is None:
            return HTMLResponse(refusal_page(NO_ADDRESS), 401)
        # A page that goes on by itself, not a redirect: browsers keep a strict cookie back on a redirect that began
        # at another program's link.
        answer = HTMLResponse(
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
            '<title>faqtune</title><p><a href="/">faqtune annotate</a></p></html>'
        )
        answer.set_cookie(
            cookie_name, people.cookie(name), max_age=A_MONTH_SECONDS, httponly=True, samesite="strict", path="/"
        )
        return answer

    @app.get("/")
    def home(request: Request) -> Response:
        by = request.state.by
        return HTMLResponse(page.render(csrf=people.csrf(by), by=by, people=people.names))
