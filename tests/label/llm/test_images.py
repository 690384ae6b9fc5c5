"""Pictures: what a customer typed decides neither what is fetched nor which file is read."""

from __future__ import annotations

import base64
from collections import Counter

import pytest

from faqtune.config import LlmConfig
from faqtune.label.llm import image_reader, judge_prompt
from faqtune.label.llm.images import sent_as

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "2026").mkdir(parents=True)
    (pictures / "2026" / "a.png").write_bytes(PNG)
    (pictures / "b.jpg").write_bytes(b"\xff\xd8\xff" + b"\0" * 40)
    (pictures / "c.webp").write_bytes(b"RIFF\0\0\0\0WEBP" + b"\0" * 40)
    (pictures / "notes.png").write_text("this is no picture", encoding="utf-8")
    (pictures / "large.png").write_bytes(PNG + b"\0" * 2_000_000)
    (tmp_path / "secret.png").write_bytes(PNG)
    (pictures / "link.png").symlink_to(tmp_path / "secret.png")
    return pictures


def settings(**more):
    return LlmConfig(images=True, image_hosts=["img.example.com"], most_image_megabytes=1.0, **more)


@pytest.mark.parametrize(("name", "kind"), [("2026/a.png", "png"), ("b.jpg", "jpeg"), ("c.webp", "webp")])
def test_a_file_goes_along_as_it_is(name, kind, folder):
    head, _, body = sent_as(name, settings(), folder).partition(",")
    assert head == f"data:image/{kind};base64"
    assert base64.b64decode(body) == (folder / name).read_bytes()


def test_an_address_of_an_allowed_host_goes_along(folder):
    assert sent_as("https://img.example.com/1.png?w=2", settings(), folder) == "https://img.example.com/1.png?w=2"


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("../secret.png", "no such file"),
        ("link.png", "no such file"),
        ("/etc/passwd", "no such file"),
        ("2026", "no such file"),
        ("missing.png", "no such file"),
        ("a\0b.png", "no such file|cannot be read|null"),
        ("notes.png", "no PNG"),
        ("large.png", "larger than"),
        ("http://169.254.169.254/latest/1.png", "not among"),
        ("http://127.0.0.1:8000/1.png", "not among"),
        ("https://img.example.com.evil.example/1.png", "not among"),
        ("https://img.example.com@evil.example/1.png", "not plain"),
        ("file:///etc/passwd", "not plain"),
        ("ftp://img.example.com/1.png", "not plain"),
    ],
)
def test_what_must_not_go_along_is_left_out_and_counted(reference, why, folder):
    with pytest.raises(ValueError, match=why):
        sent_as(reference, settings(), folder)
    left_out = Counter()
    read = image_reader(settings(image_folder=str(folder)), lambda name: folder, left_out)
    assert read([reference, "2026/a.png"]) == (sent_as("2026/a.png", settings(), folder),)
    assert sum(left_out.values()) == 1


def test_without_a_folder_no_file_is_read():
    with pytest.raises(ValueError, match="image_folder is not set"):
        sent_as("a.png", settings(), None)


def test_pictures_are_parts_of_the_last_message(item):
    prompt = judge_prompt(item(), 0, b"s", "zh", masked=False, images=("data:image/png;base64,AA",))
    *_, last = prompt.sent()
    assert [part["type"] for part in last["content"]] == ["text", "image_url"]
    assert last["content"][1]["image_url"] == {"url": "data:image/png;base64,AA"}
    assert prompt.key("m", "", 0) != judge_prompt(item(), 0, b"s", "zh", masked=False).key("m", "", 0)
