"""Every request is valid by the description of Jira's API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.receiver.destinations.jira.site import CLOUD_ID, SPECIFICATION, once, violations
from tests.receiver.destinations.jira.stories import DAY, FINDINGS, TEAM, Story


def test_jiras_api_description_refuses_unknown_keys(story: Callable[..., Story]) -> None:
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION.name} does not lie beside the project in shared/contracts")
    told = story()
    told.told()
    created = next(request for request in told.wire.requests if request.what == ("POST", "issue"))
    for wrong in (
        replace(created, data=json.dumps({"fields": {}, "feilds": {}}).encode()),
        replace(created, query=(("nothing", "1"),)),
        replace(created, path="/rest/api/3/isue"),
        replace(created, headers={"Content-Type": "text/plain"}),
        replace(created, data=None),
        replace(
            created,
            path="/rest/api/3/issue/SEC-1/attachments",
            headers={"Content-Type": "multipart/form-data"},
        ),
    ):
        assert list(violations([wrong])) != []


def test_every_request_is_valid_by_jiras_api_description(story: Callable[..., Story]) -> None:
    """A case from its first alarm to its replacement. The fixture checks the requests of every story."""
    told = story(
        cloud_id=CLOUD_ID,
        custom=(TEAM,),
        lose=once(("POST", "issue"), ("POST", "issue/SEC-1/comment")),
        settings={"fields": {"customfield_10010": "red"}, "api": "auto"},
    )
    told.check()
    told.enriched.more = {"findings": FINDINGS}
    told.told()
    told.told(6)
    told.jira.close("SEC-1")
    told.told(7)
    told.jira.close("SEC-1")
    told.stage.forward(8 * DAY)
    told.told(8)
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION.name} does not lie beside the project in shared/contracts")
    asked = {(method, re.sub(r"SEC-\d|1\d{4}", "*", path)) for method, path in told.wire.asked}
    assert asked == {
        ("GET", "serverInfo"),
        ("GET", "myself"),
        ("GET", "mypermissions"),
        ("GET", "resolution/search"),
        ("GET", "issue/createmeta/SEC/issuetypes"),
        ("GET", "issue/createmeta/SEC/issuetypes/*"),
        ("GET", "issue/*"),
        ("GET", "issue/*/comment"),
        ("GET", "issue/*/properties/huntbridge.event"),
        ("GET", "issue/*/transitions"),
        ("POST", "search/jql"),
        ("POST", "issue"),
        ("POST", "issue/*/comment"),
        ("POST", "issue/*/transitions"),
        ("POST", "issue/*/remotelink"),
        ("POST", "issue/*/attachments"),
        ("POST", "issueLink"),
    }
