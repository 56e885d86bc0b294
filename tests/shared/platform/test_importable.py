"""Which instances the platform can capture, as the simulated platform lists them."""

from __future__ import annotations

import pytest

from demo.platform.records import SimInstance
from shared.http.client import Http
from shared.platform.client import Cado
from shared.platform.errors import CadoError, NotFound
from shared.platform.transport import Transport
from shared.platform.v2 import CadoV2
from shared.secrets import Secret
from tests.served import ServedPlatform, served_platform

FLEET = tuple(
    SimInstance(f"i-{number:017x}", f"m{number}", "eu-west-1", importable=number != 60)
    for number in range(123)
)


@pytest.fixture
def platform():
    fleet = (*FLEET, SimInstance("i-0fedcba9876543210", "far", "us-east-1"))
    with served_platform(fleet, {"key": "Analyst"}) as platform:
        yield platform


def cado(platform: ServedPlatform, kind: type[Cado] = Cado) -> Cado:
    return kind(Transport(platform.url, Secret("key"), Http(), sleep=lambda _: None))


def test_all_pages_of_one_region(platform):
    importable_of = dict(cado(platform).importable("Default", "eu-west-1"))
    assert importable_of == {machine.instance_id: machine.importable for machine in FLEET}
    assert [id for id, importable in importable_of.items() if not importable] == [FLEET[60].instance_id]


def test_a_few_by_their_ids(platform):
    wanted = [FLEET[60].instance_id, FLEET[7].instance_id]
    assert dict(cado(platform).importable("Default", "eu-west-1", wanted)) == {
        wanted[0]: False,
        wanted[1]: True,
    }


def test_where_it_cannot_be_asked(platform):
    with pytest.raises(NotFound, match="API v2 cannot be asked"):
        list(cado(platform, CadoV2).importable("Default", "eu-west-1"))
    platform.fault("GET", "/import/aws/ec2", 403, times=None)
    with pytest.raises(CadoError):
        list(cado(platform).importable("Default", "eu-west-1"))
