"""The server: it lets nobody in who has no address, and no other site's page; nothing is too large or half read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from faqtune.annotate.guard import LARGEST_BODY_BYTES, POLICY
from faqtune.annotate.people import SECRET_NAME, People, project_secret
from faqtune.errors import UserError

HOST = "127.0.0.1:8765"
ORIGIN = f"http://{HOST}"
PATHS = ("/", "/api/items", "/api/search?q=a", "/api/progress", "/api/count", "/export/annotations.jsonl", "/nothing")
WRITES = ("/api/answers", "/api/undo", "/api/proposals", "/api/same", "/api/withdraw", "/api/tuning")


@pytest.fixture
def app(world: ModuleType, tmp_path: Path) -> tuple[Any, People]:
    return world.application(tmp_path, world.open_world(tmp_path), ["王敏", "李雷"])


@pytest.fixture
def stranger(app: tuple[Any, People]) -> Iterator[TestClient]:
    with TestClient(app[0], base_url=ORIGIN) as client:
        yield client


@pytest.fixture
def client(app: tuple[Any, People]) -> Iterator[TestClient]:
    """王敏, who has opened the address."""
    with TestClient(app[0], base_url=ORIGIN) as client:
        client.get(f"/enter/{app[1].token('王敏')}")
        client.headers.update({"origin": ORIGIN, "x-csrf-token": app[1].csrf("王敏")})
        yield client


def answer(client: TestClient, act: str = "act-00000001", **more: Any) -> dict[str, Any]:
    item = client.get("/api/items").json()["items"][0]
    body = {"act": act, "item": item["item"], "what": "pick", "turns": item["turns"], "entries": ["e1"]}
    return body | {"why": item["why"]} | more


def test_the_address_gives_a_cookie_that_no_script_and_no_other_site_gets(
    app: tuple[Any, People], stranger: TestClient
) -> None:
    answered = stranger.get(f"/enter/{app[1].token('李雷')}")
    cookie = answered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert app[1].token("李雷") not in cookie
    assert "李雷" in stranger.get("/").text


@pytest.mark.parametrize("path", PATHS)
def test_without_a_cookie_nothing_answers(stranger: TestClient, path: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        assert stranger.request(method, path).status_code == 401
    stranger.cookies.set("faqtune-80", "0" * 43)
    assert stranger.get(path).status_code == 401


def test_a_wrong_address_lets_nobody_in(app: tuple[Any, People], stranger: TestClient) -> None:
    for token in ("", "x", "0" * 43, app[1].cookie("王敏"), app[1].csrf("王敏")):
        answered = stranger.get(f"/enter/{token}")
        assert answered.status_code in (401, 404)
        assert "set-cookie" not in answered.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "localhost.evil"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "TRACE"])
def test_another_host_name_is_refused_on_every_method(client: TestClient, method: str, host: str) -> None:
    for path in (*PATHS, "/static/main.js"):
        assert client.request(method, path, headers={"host": host}).status_code in (405, 421)


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1", "[::1]:8765", "192.168.1.7:8765"])
def test_this_machine_and_addresses_in_digits_are_own_names(client: TestClient, host: str) -> None:
    assert client.get("/api/count", headers={"host": host, "origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8765", "http://127.0.0.1:1", ""])
def test_another_sites_page_gets_nothing(client: TestClient, origin: str) -> None:
    for path in PATHS:
        assert client.get(path, headers={"origin": origin}).status_code == 403
    for path in WRITES:
        assert client.post(path, json={}, headers={"origin": origin}).status_code == 403
    for site in ("cross-site", "same-site"):
        assert client.get("/api/count", headers={"sec-fetch-site": site}).status_code == 403


def test_a_write_needs_an_origin_and_the_token_of_its_person(app: tuple[Any, People], client: TestClient) -> None:
    body = answer(client)
    for token in ("", "x", app[1].csrf("李雷"), app[1].token("王敏")):
        assert client.post("/api/answers", json=body, headers={"x-csrf-token": token}).status_code == 403
    del client.headers["origin"]
    for path in WRITES:
        assert client.post(path, json=body).status_code == 403
    assert client.get("/api/count").json()["all"] == 0
    assert client.post("/api/answers", json=body, headers={"origin": ORIGIN}).json() == {"new": True, "generation": 0}


def test_every_answer_has_the_strict_headers(client: TestClient, stranger: TestClient) -> None:
    for answered in (client.get("/"), client.get("/static/main.js"), client.get("/nothing"), stranger.get("/")):
        assert answered.headers["content-security-policy"] == POLICY
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_the_page_fetches_nothing_from_outside_and_has_nothing_inline(client: TestClient) -> None:
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*src=\"/static/)|<style|\son\w+=|style=|javascript:", page)
    web = Path(__file__).parents[3] / "src" / "faqtune" / "annotate" / "web"
    for file in web.rglob("*.*"):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), (
            file
        )


def test_bodies_that_are_too_large_or_no_request_of_the_page_are_refused(client: TestClient) -> None:
    large = "x" * (LARGEST_BODY_BYTES + 1)
    assert client.post("/api/answers", content=large).status_code == 413
    assert client.post("/api/answers", content=iter([b"{}"])).status_code == 411
    for wrong in (b"", b"{", b"[]", b'{"act": 1}', b"\xff"):
        answered = client.post("/api/answers", content=wrong, headers={"content-type": "application/json"})
        assert answered.status_code == 400
        assert "Traceback" not in answered.text
    for more in ({"note": "x" * 2001}, {"entries": ["e1"] * 21}, {"extra": 1}, {"seconds": -1}, {"act": "../../x"}):
        assert client.post("/api/answers", json=answer(client, **more)).status_code == 400
    assert client.get("/api/count").json()["all"] == 0


def test_an_answer_that_is_sent_again_counts_once(client: TestClient) -> None:
    body = answer(client)
    assert client.post("/api/answers", json=body).json()["new"]
    assert not client.post("/api/answers", json=body).json()["new"]
    assert client.get("/api/count").json()["all"] == 1
    undone = client.post("/api/undo", json={"act": "undo-0000001"}).json()["item"]
    assert undone["item"] == body["item"]
    assert client.post("/api/undo", json={"act": "undo-0000001"}).json()["item"] == undone
    assert client.get("/api/count").json()["all"] == 0


def test_a_store_that_cannot_be_written_is_worth_another_try(world: ModuleType, tmp_path: Path) -> None:
    session = world.open_world(tmp_path)
    app, people = world.application(tmp_path, session, ["a"])
    with TestClient(app, base_url=ORIGIN) as client:
        client.get(f"/enter/{people.token('a')}")
        client.headers.update({"origin": ORIGIN, "x-csrf-token": people.csrf("a")})
        body = answer(client)
        session.store.path = tmp_path  # a folder is no database
        failed = client.post("/api/answers", json=body)
        assert failed.status_code == 503
        assert "Traceback" not in failed.text
        session.store.path = tmp_path / "annotate.db"
        assert client.post("/api/answers", json=body).json()["new"]


def test_half_a_surrogate_pair_arrives_as_it_was(world: ModuleType, tmp_path: Path) -> None:
    from faqtune.records import Conversation, Turn

    logs = [Conversation("c", (Turn("发货\ud83d了吗", "发了\ude00，请查收"),))]
    app, people = world.application(tmp_path, world.open_world(tmp_path, world.material(logs)), ["a"])
    with TestClient(app, base_url=ORIGIN) as client:
        client.get(f"/enter/{people.token('a')}")
        client.headers.update({"origin": ORIGIN, "x-csrf-token": people.csrf("a")})
        assert client.get("/api/items").json()["items"][0]["text"] == "发货\ud83d了吗"
        assert client.post("/api/answers", json=answer(client)).status_code == 200
        assert client.get("/api/count").json()["all"] == 1


def test_the_secret_is_its_owners_alone_and_outlives_the_server(tmp_path: Path) -> None:
    secret = project_secret(tmp_path)
    assert project_secret(tmp_path) == secret
    assert (tmp_path / SECRET_NAME).stat().st_mode & 0o077 == 0
    people = People(["王敏", " 王敏 ", "", "李雷"], secret)
    assert people.names == ("王敏", "李雷")
    secrets = {derive(name) for name in people.names for derive in (people.token, people.cookie, people.csrf)}
    assert len(secrets) == 6
    for names in ([], ["  "], ["a\nb"]):
        with pytest.raises(UserError):
            People(names, secret)
