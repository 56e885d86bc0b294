"""An organization in moto with planted gaps, and what a look at it must find.

The oracle is what was planted, not the rules of the scheduler: each machine is made for one fate, and the
ledger is filled with the captures that belong to it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from threading import Thread
from typing import Any

import boto3
import pytest
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.organizations.models import organizations_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from shared.models.codec import dump
from shared.models.coverage import CoveredSystem
from shared.models.fleet_coverage import Reason, Unread
from shared.models.systems import System
from shared.storage import kinds
from shared.storage.ports import Store

OWN = "123456789012"
ROLE = "huntbridge-read"
DAYS = 35
# What becomes of a machine: its tags, and how often of a hundred.
FATES: Mapping[Reason, tuple[dict[str, str], int]] = {
    Reason.CAPTURED: ({"Tier": "gold"}, 70),
    Reason.UNSELECTED: ({}, 7),
    Reason.EXCLUDED: ({"Tier": "gold", "Hunt": "skip"}, 4),
    Reason.FAILED: ({"Tier": "gold"}, 6),
    Reason.WAITING: ({"Tier": "gold"}, 4),
    Reason.NOT_REACHED: ({"Tier": "bulk"}, 5),
    Reason.TOO_NEW: ({"Tier": "gold"}, 2),
    Reason.NOT_IMPORTABLE: ({"Tier": "gold", "Name": "CadoResponse"}, 2),
}
STOPPED = 25  # of how many machines one more is stopped, and so not counted
_DENIED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"""
_DENIED_EC2 = b"""<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error>
</Errors><RequestID>1</RequestID></Response>"""


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None: ...


class _Application:
    """moto's server, in which some roles may not be assumed and some regions not be read."""

    def __init__(self) -> None:
        self.locked: set[str] = set()  # accounts
        self.unread: set[tuple[str, str]] = set()  # account and region; the empty region: DescribeRegions
        self.actions: set[str] = set()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._account_of: dict[str, str] = {}  # by access key

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        signed = environ.get("HTTP_AUTHORIZATION", "")
        key, _, region, service = signed.partition("Credential=")[2].split("/")[:4]
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        action = re.search(rb"Action=(\w+)", body)
        name = target or (action[1].decode() if action else "")
        self.actions.add(f"{service}:{name}")
        account = self._account_of.get(key, OWN)
        if name == "AssumeRole":
            wanted = re.search(rb"iam%3A%3A(\d{12})", body)
            assert wanted
            if wanted[1].decode() in self.locked:
                return self._refuse(start_response, _DENIED)
            answer = b"".join(self._moto(environ | {"wsgi.input": BytesIO(body)}, start_response))
            granted = re.search(rb"<AccessKeyId>(\w+)</AccessKeyId>", answer)
            assert granted
            self._account_of[granted[1].decode()] = wanted[1].decode()
            return [answer]
        where = (account, "" if name == "DescribeRegions" else region)
        if service == "ec2" and where in self.unread:
            return self._refuse(start_response, _DENIED_EC2)
        return self._moto(environ | {"wsgi.input": BytesIO(body)}, start_response)

    def _refuse(self, start_response: Any, body: bytes) -> list[bytes]:
        start_response("403 Forbidden", [("Content-Type", "text/xml")])
        return [body]


@dataclass
class Planted:
    """The organization, and what a look at it must find."""

    url: str
    regions: list[str]  # as in the configuration
    root: str = ""
    expected: dict[tuple[str, str, str], Reason] = field(default_factory=dict)  # account, region, instance
    unknown: dict[tuple[str, str], Unread] = field(default_factory=dict)
    old: set[str] = field(default_factory=set)  # instances that were not captured for too long
    actions: set[str] = field(default_factory=set)
    systems: list[CoveredSystem] = field(default_factory=list)

    def fill(self, store: Store) -> None:
        """Store the captures."""
        for known in self.systems:
            store.put(kinds.SYSTEM, "", known.system.key, dump(known), durable=False)

    def configuration(self) -> dict[str, Any]:
        everywhere = {"organizational_units": self.root, "regions": self.regions}
        return {
            "platform": {"url": "http://127.0.0.1:9", "api_key": "env:KEY"},
            "organization": {"role": f"arn:aws:iam::{{account_id}}:role/{ROLE}"},
            "coverage": {**everywhere, "max_age_days": DAYS},
            "hunts": {
                "weekly": {
                    "targets": [{**everywhere, "tags": {"Tier": "gold"}}],
                    "exclude": [{"tags": {"Hunt": "skip"}}],
                },
                "rest": {"targets": [{**everywhere, "tags": {"Tier": "bulk"}}], "max_systems": 5},
            },
        }  # fmt: skip


@contextmanager
def planted(accounts: int, machines: int, regions: list[str], now: datetime) -> Iterator[Planted]:
    """An organization of so many accounts, with so many running machines in those that can be read. `regions`
    are as in the configuration."""
    app = _Application()
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    others = dict(ec2_backends)  # the machines of other tests are no part of this organization
    ec2_backends.clear()
    try:
        with pytest.MonkeyPatch.context() as environ:
            environ.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # else a region takes half a second
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                environ.setenv(name, "testing")
            _forget()
            yield _plant(app, url, accounts, machines, regions, now)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        _forget()
        ec2_backends.clear()  # its regions lack the images that other tests use
        ec2_backends.update(others)


def _forget() -> None:
    """moto keeps its organization for the whole process, and other tests make one too."""
    for of_account in organizations_backends.values():
        for backend in of_account.values():
            backend.reset()


def _plant(
    app: _Application, url: str, accounts: int, machines: int, regions: list[str], now: datetime
) -> Planted:
    rng = random.Random(15)
    made = Planted(url, regions, actions=app.actions)
    if regions == ["all"]:
        answer = boto3.client("ec2", region_name="us-east-1", endpoint_url=url).describe_regions()
        regions = sorted(region["RegionName"] for region in answer["Regions"])
    ids = _accounts(made, url, accounts)
    suspended, locked, without_regions, with_gap, *_ = ids
    app.locked.add(locked)
    app.unread |= {(without_regions, ""), (with_gap, regions[-1])}
    app.unread |= {(without_regions, region) for region in regions}
    api = boto3.client("organizations", region_name="us-east-1", endpoint_url=url)
    api.close_account(AccountId=suspended)
    made.unknown = {
        (suspended, ""): Unread.ACCOUNT_STATE,
        (locked, ""): Unread.NO_ROLE,
        (with_gap, regions[-1]): Unread.NOT_READABLE,
    }
    # If the regions are not named, nothing is known of the account.
    named = [""] if made.regions == ["all"] else regions
    made.unknown |= {(without_regions, region): Unread.NOT_READABLE for region in named}
    readable = [id for id in ids if id not in (suspended, locked, without_regions)]
    places = [(id, region) for id in readable for region in regions if (id, region) not in made.unknown]
    fates, weights = list(FATES), [count for _, count in FATES.values()]
    chosen = [*fates, *rng.choices(fates, weights, k=max(0, machines - len(fates)))]
    for number, fate in enumerate(chosen):
        _machine(made, *places[number % len(places)], fate, number, now, rng)
    for place in made.unknown:  # what runs there must not be counted
        for region in [place[1]] if place[1] else regions:
            _run(place[0], region, {"Tier": "gold"}, now)
    app.actions.clear()
    return made


def _accounts(made: Planted, url: str, count: int) -> list[str]:
    """Accounts in the root and in units below it."""
    api = boto3.client("organizations", region_name="us-east-1", endpoint_url=url)
    api.create_organization(FeatureSet="ALL")
    made.root = api.list_roots()["Roots"][0]["Id"]
    unit = api.create_organizational_unit(ParentId=made.root, Name="prod")["OrganizationalUnit"]["Id"]
    below = api.create_organizational_unit(ParentId=unit, Name="eu")["OrganizationalUnit"]["Id"]
    ids = []
    for number in range(count):
        status = api.create_account(Email=f"a{number}@example.com", AccountName=f"a{number}")
        id = status["CreateAccountStatus"]["AccountId"]
        parent = (made.root, unit, below)[number % 3]
        if parent != made.root:
            api.move_account(AccountId=id, SourceParentId=made.root, DestinationParentId=parent)
        ids.append(id)
    return ids


def _machine(
    made: Planted, account: str, region: str, fate: Reason, number: int, now: datetime, rng: random.Random
) -> None:
    tags, _ = FATES[fate]
    # No machine is so near to the limit that the hour of the day decides.
    age = timedelta(days=rng.choice([rng.randint(2, DAYS - 5), rng.randint(DAYS + 5, 400)]))
    if fate is Reason.TOO_NEW:
        age = timedelta(hours=rng.randint(1, 22))
    instance = _run(account, region, {"Name": f"m-{number}", **tags}, now - age)
    made.expected[account, region, instance] = fate
    # The own account of moto is in no unit, so the name of each account is its id.
    known = CoveredSystem(System(instance, region, account), last_attempt_at=now, hunts=("weekly",))
    captured_days = rng.randint(DAYS + 5, 300)
    if fate is Reason.CAPTURED:
        made.systems.append(_with(known, now - timedelta(days=rng.randint(0, DAYS - 1))))
    elif fate is Reason.FAILED:
        made.systems.append(_with(known, None, failures_in_a_row=2, last_reason="no access to the key"))
    elif fate is Reason.WAITING and number % 2:
        made.systems.append(_with(known, now - timedelta(days=captured_days)))
        age = timedelta(days=captured_days)
    if fate in (Reason.UNSELECTED, Reason.FAILED, Reason.WAITING, Reason.NOT_REACHED) and age.days > DAYS:
        made.old.add(instance)
    if number % STOPPED == 0:
        _run(account, region, {"Tier": "gold"}, now, state="stopped")


def _with(known: CoveredSystem, captured_at: datetime | None, **fields: Any) -> CoveredSystem:
    return CoveredSystem(
        known.system,
        last_captured_at=captured_at,
        last_attempt_at=known.last_attempt_at,
        hunts=known.hunts,
        **fields,
    )


def _run(account: str, region: str, tags: dict[str, str], launched: datetime, state: str = "running") -> str:
    (machine,) = ec2_backends[account][region].run_instances(
        "ami-1", 1, None, [], instance_type="t3.micro", is_instance_type_default=False,
        tags={"instance": tags}, nics=[], region_name=region, security_group_ids=[],
    ).instances  # fmt: skip
    machine._state.name = state
    machine.launch_time = launched
    return str(machine.id)
