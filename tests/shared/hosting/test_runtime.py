"""What a runtime keeps, and what it looks up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.config.config import Config
from shared.hosting.runtime import Runtime, local
from shared.http.answers import Answer
from shared.http.client import Http
from shared.secrets import SecretError


class Platform(Http):
    """Keeps the keys that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def request(self, method: str, url: str, **sent: Any) -> Answer:
        self.keys.append(sent["headers"]["Authorization"].removeprefix("Bearer "))
        return Answer(200, {}, json.dumps({"data": {"rbac_role": "Lead Analyst"}}).encode())


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    platform = Platform()
    monkeypatch.setattr(Runtime, "http", lambda *_, **__: platform)
    return platform


def runtime(folder: Path) -> Runtime:
    for name in ("key", "admin"):
        (folder / name).write_text(f"old-{name}")
    platform = {
        "url": "https://cado.example",
        "api_key": f"file:{folder}/key",
        "admin_key": f"file:{folder}/admin",
    }
    return local(Config.model_validate({"platform": platform}), folder / "data", {})


def test_a_rotated_key_is_used_without_a_restart(platform: Platform, tmp_path: Path) -> None:
    made = runtime(tmp_path)
    admin, impatient = made.admin_cado, made.make_cado(tries=1)
    assert admin is not None
    for age in ("old", "new"):
        (tmp_path / "key").write_text(f"{age}-key\n")
        (tmp_path / "admin").write_text(f"{age}-admin\n")
        for cado in (made.cado, impatient, admin):
            cado.whoami()
    assert platform.keys == ["old-key", "old-key", "old-admin", "new-key", "new-key", "new-admin"]


def test_a_key_that_is_gone_is_told_before_anything_is_asked(platform: Platform, tmp_path: Path) -> None:
    made = runtime(tmp_path)
    made.cado.whoami()
    (tmp_path / "key").unlink()
    with pytest.raises(SecretError, match="the file cannot be read"):
        _ = made.cado
