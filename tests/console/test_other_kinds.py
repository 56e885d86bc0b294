"""Pages about systems that are no EC2 instances: their names, their places and their addresses."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

import pytest

from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.cases import Case
from shared.models.console_pages import case as page_of_case
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Kind, System
from tests.console.conftest import NOW
from tests.console.filling import add_run, capture

AZURE = System.of(Kind.AZURE_VM, account="az", subscription="0f8f", group="rg-web", vm="<b>web-1")
POD = System.of(
    Kind.EKS, region="us-east-1", cluster="c/1", namespace="shop", pod="web-7d4b9c8f5d-x2x4z", container="app"
)
OTHER_POD = System.of(
    Kind.EKS, region="us-east-1", cluster="c/1", namespace="shop", pod="web-5c9d8f7b4c-bcdfg", container="app"
)
HUNTS = {"weekly": {"targets": [{"kind": "eks", "regions": "us-east-1"}]}}


def captured(system: System, **fields: object) -> Capture:
    return replace(capture(1, **fields), system=system)  # type: ignore[arg-type]


@pytest.fixture
def console(make_console):
    return make_console(hunts=HUNTS)


def test_the_pages_name_every_kind(console):
    hunt = add_run(
        console.runtime,
        [
            captured(AZURE),
            captured(POD, malicious=2),
            captured(OTHER_POD, state=CaptureState.FAILED, reason=f"{OTHER_POD.title} is gone"),
        ],
    )
    page = console.get(f"/hunts/{hunt.id}").get_data(as_text=True)
    assert "container app in pod web-7d4b9c8f5d-x2x4z of shop" in page
    assert "cluster 1, namespace shop, us-east-1" in page
    assert "Azure machine &lt;b&gt;web-1" in page
    assert "the system is gone" in page
    coverage = console.get("/coverage").get_data(as_text=True)
    assert "web-*" in coverage, "the pods of one Deployment are one system"
    assert "app in pod web-7d4b9c8f5d" not in coverage
    azure_alone = console.get("/coverage?kind=azure_vm").get_data(as_text=True)
    assert "rg-web" in azure_alone
    assert "namespace shop" not in azure_alone
    (row,) = console.get("/api/v1/systems?limit=1").get_json()["rows"]
    assert {"kind", "place", "name", "system"} <= row.keys()


def test_a_case_whose_key_has_encoded_names_has_an_address(console):
    key = f"system/{POD.lasting}/1"
    event = Event("e1", "processing_with_alarms", NOW, project_id=3)
    alarm = Alarm(event, Severity.MALICIOUS, 2, 0, system=POD, case=key)
    case = Case(alarm, opened_at=NOW, system=POD, title="2 malicious")
    console.runtime.ledger.cases.change(key, lambda before: case)
    listed = console.get("/cases").get_data(as_text=True)
    assert "container app in pod web-7d4b9c8f5d-x2x4z of shop" in listed
    address = re.search(r'href="(/cases/system/[^"]+)"', listed)
    assert address
    assert address[1] == page_of_case(key).replace("&", "&amp;")
    page = console.get(address[1])
    assert page.status_code == 200
    assert "namespace shop" in page.get_data(as_text=True)
    of_pod = console.get(f"/cases?system={quote(OTHER_POD.key)}").get_data(as_text=True)
    assert address[1] in of_pod, "the next pod has the case of the last one"


def test_a_case_of_an_azure_machine_leads_to_azure(console):
    subscription = "0f8fad5b-d9cb-469f-a165-70867728950e"
    system = System.of(Kind.AZURE_VM, account="az", subscription=subscription, group="rg-web", vm="web-1")
    key = f"system/{system.instance}/1"
    alarm = Alarm(
        Event("e1", "processing_with_alarms", NOW), Severity.MALICIOUS, 2, 0, system=system, case=key
    )
    case = Case(alarm, opened_at=NOW, system=system, title="2 malicious")
    console.runtime.ledger.cases.change(key, lambda before: case)
    page = console.get(page_of_case(key)).get_data(as_text=True)
    assert ">Azure portal</a>" in page
    assert "EC2 console" not in page


def test_the_command_of_a_case_is_one_word_for_a_shell(console):
    key = f"system/{POD.lasting}/1"
    event = Event("e1", "processing_with_alarms", NOW, project_id=3)
    alarm = Alarm(event, Severity.MALICIOUS, 2, 0, system=POD, case=key)
    console.runtime.ledger.cases.change(key, lambda before: Case(alarm, opened_at=NOW, system=POD))
    page = console.get(page_of_case(key)).get_data(as_text=True)
    assert f"huntbridge cases show &#39;{key}&#39;" in page


def test_systems_without_a_region_are_counted_as_such(console):
    add_run(console.runtime, [captured(AZURE)])
    page = console.get("/coverage").get_data(as_text=True)
    assert '<th scope="row">no region</th>' in page
    assert '<option value="">' not in page.partition("<datalist")[2].partition("</datalist>")[0]


def test_the_definition_of_a_hunt_says_what_it_takes(make_console):
    azure = {"kind": "azure_vm", "account": "az", "subscription": "0f8f", "resource_group": "rg", "name": "a"}
    targets = [azure, {"kind": "eks", "regions": "us-east-1", "namespaces": "shop"}]
    accounts = {"az": {"provider": "azure", "cado_account": "azure-main"}}
    console = make_console(hunts={"weekly": {"targets": targets}}, accounts=accounts)
    page = console.get("/hunts").get_data(as_text=True)
    assert "1 named system; kind is eks, namespace is shop, region is us-east-1" in page
