"""`doctor`: never raises, and looks at the project's own model."""

from __future__ import annotations

from pathlib import Path

import pytest

import faqtune.model
from faqtune import Workspace, diagnose_machine


def _findings(workspace: Workspace, model: str = "") -> dict[str, tuple[str, str]]:
    return {check.name: (check.status, check.finding) for check in diagnose_machine(workspace, model).checks}


def test_the_projects_model_is_looked_at(tuned_shop: Workspace) -> None:
    found = _findings(tuned_shop)

    assert found["project"][0] == "ok"
    assert tuned_shop.config().model.base in found["model"][1]
    assert "tiny" not in _findings(tuned_shop, "tuned")["model"][1]


def test_without_a_project_bge_m3_is_meant(tmp_path: Path) -> None:
    found = _findings(Workspace(tmp_path))

    assert found["project"] == ("warn", f"there is no {tmp_path / 'faqtune.toml'}")
    assert "BAAI/bge-m3" in found["model"][1]


def test_a_broken_configuration_is_a_failed_check(tmp_path: Path) -> None:
    (tmp_path / "faqtune.toml").write_text("[model]\nbaze = 'builtin'\n", encoding="utf-8")
    workspace = Workspace(tmp_path)

    status, finding = _findings(workspace)["project"]

    assert status == "fail"
    assert "baze" in finding
    assert not diagnose_machine(workspace).healthy


def test_the_pooling_of_the_settings_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faqtune.toml").write_text('[model]\nbase = "builtin"\npooling = "cls"\n', encoding="utf-8")
    seen: list[object] = []
    monkeypatch.setattr(faqtune.model, "diagnose", lambda *given: seen.extend(given) or [])

    diagnose_machine(Workspace(tmp_path))

    assert seen == ["builtin", tmp_path, "cls"]
