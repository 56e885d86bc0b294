"""AWS as a preflight sees it, out of a planted world: EC2, Systems Manager, KMS, IAM and STS as one WSGI
application. Requests are parsed and answers written by botocore's own models, through moto.

moto's services have neither DescribeInstanceInformation nor SimulatePrincipalPolicy, and would need minutes
for a thousand systems. Whatever is not in `allowed` is denied, and every action is counted.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from threading import Lock, Thread
from typing import Any

import pytest
from botocore.session import get_session
from moto.core.model import ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import get_serializer_class
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

OWN = "123456789012"
ROLE_OF_HUNTBRIDGE = "huntbridge-read"
Place = tuple[str, str]  # account id, region


@dataclass
class Key:
    state: str = "Enabled"
    by_aws: bool = False
    policy: str = ""
    readable: bool = True  # its policy
    grants: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class World:
    """Lists are as the services return them."""

    allowed: frozenset[str]
    delay: float = 0.0  # seconds of each answer
    instances: dict[Place, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    volumes: dict[Place, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    snapshots: dict[Place, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    agents: dict[Place, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    aliases: dict[Place, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))  # of keys
    local_gb: dict[str, int] = field(default_factory=dict)
    not_opted_in: set[Place] = field(default_factory=set)
    opted_in: set[Place] = field(default_factory=set)
    keys: dict[str, Key] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)  # account id, action of huntbridge's own role
    # What the policies of a role decide that is not simply allowed: by role, action and pattern of resources.
    decisions: dict[tuple[str, str], list[tuple[str, str, tuple[str, ...]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    asked: Counter[str] = field(default_factory=Counter)
    lock: Any = field(default_factory=Lock)


REGIONS = ("us-east-1", "eu-west-1", "eu-south-1", "me-south-1")


@cache
def _model(service: str) -> ServiceModel:
    loader = get_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


class Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _refusal(protocol: str, error: Refusal) -> Response:
    if protocol == "json":
        return Response(json.dumps({"__type": error.code, "message": str(error)}), 400)
    body = f"<Error><Code>{error.code}</Code><Message>{error}</Message></Error>"
    ec2, query = f"<Response><Errors>{body}</Errors></Response>", f"<ErrorResponse>{body}</ErrorResponse>"
    return Response(ec2 if protocol == "ec2" else query, 403, content_type="text/xml")


class Planted:
    """The WSGI application."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        key, _, region, service = request.headers["Authorization"].split("Credential=")[1].split("/")[:4]
        model = _model(service)
        target = request.headers.get("X-Amz-Target", "")
        action = target.rpartition(".")[2] if target else request.values["Action"]
        operation = model.operation_model(action)
        protocol = model.metadata["protocol"]
        parsed = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method, "values": request.values, "headers": request.headers,
                "body": request.data, "url_path": request.path, "url_params": {},
            }
        )  # fmt: skip
        account = key[4:16] if key.startswith("ASIA") else OWN
        if self.world.delay:
            time.sleep(self.world.delay)
        try:
            result = self._answer(f"{service}:{action}", account, region, parsed)
        except Refusal as error:
            return _refusal(protocol, error)(environ, start_response)
        answer = get_serializer_class(service, protocol)(operation).serialize(result)
        response = Response(answer["body"], answer["status_code"], answer["headers"])
        return response(environ, start_response)

    def _answer(self, action: str, account: str, region: str, asked: dict[str, Any]) -> dict[str, Any]:
        world = self.world
        with world.lock:
            world.asked[action] += 1
        if action not in world.allowed or (account, action) in world.denied:
            code = "UnauthorizedOperation" if action.startswith("ec2:") else "AccessDeniedException"
            raise Refusal(code, f"not authorized to perform {action}")
        if (account, region) in world.not_opted_in:
            raise Refusal("AuthFailure", "AWS was not able to validate the credentials")
        method: Callable[..., dict[str, Any]] = getattr(self, action.replace(":", "_"))
        return method((account, region), asked)

    # EC2

    def ec2_DescribeInstances(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "Reservations": [
                {"OwnerId": place[0], "Instances": _filtered(self.world.instances[place], asked)}
            ]
        }

    def ec2_DescribeVolumes(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        return _page(_filtered(self.world.volumes[place], asked), asked, "Volumes")

    def ec2_DescribeSnapshots(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["OwnerIds"] == ["self"]
        return _page(_filtered(self.world.snapshots[place], asked), asked, "Snapshots")

    def ec2_DescribeInstanceTypes(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        sizes = {name: self.world.local_gb.get(name, 0) for name in asked["InstanceTypes"]}
        return {
            "InstanceTypes": [
                {"InstanceType": name, "InstanceStorageSupported": bool(size)}
                | ({"InstanceStorageInfo": {"TotalSizeInGB": size}} if size else {})
                for name, size in sizes.items()
            ]
        }

    def ec2_DescribeRegions(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:

        def state(region: str) -> str:
            if (place[0], region) in self.world.not_opted_in:
                return "not-opted-in"
            return "opted-in" if (place[0], region) in self.world.opted_in else "opt-in-not-required"

        states = {region: state(region) for region in REGIONS}
        return {
            "Regions": [
                {"RegionName": region, "OptInStatus": status}
                for region, status in states.items()
                if asked.get("AllRegions") or status != "not-opted-in"
            ]
        }

    # Systems Manager, KMS

    def ssm_DescribeInstanceInformation(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["MaxResults"] <= 50
        return _page(self.world.agents[place], asked, "InstanceInformationList")

    def _key(self, asked: dict[str, Any]) -> Key:
        if asked["KeyId"] not in self.world.keys:
            raise Refusal("NotFoundException", "there is no such key")
        return self.world.keys[asked["KeyId"]]

    def kms_DescribeKey(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        key = self._key(asked)
        manager = "AWS" if key.by_aws else "CUSTOMER"
        return {"KeyMetadata": {"KeyId": asked["KeyId"], "KeyState": key.state, "KeyManager": manager}}

    def kms_GetKeyPolicy(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        key = self._key(asked)
        if not key.readable or asked["KeyId"].split(":")[4] != place[0]:
            raise Refusal("AccessDeniedException", "not authorized to perform kms:GetKeyPolicy")
        return {"Policy": key.policy, "PolicyName": "default"}

    def kms_ListAliases(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        first, size = int(asked.get("Marker") or 0), asked["Limit"]
        aliases = self.world.aliases[place]
        more = {"NextMarker": str(first + size)} if first + size < len(aliases) else {}
        return {"Aliases": aliases[first : first + size], "Truncated": bool(more), **more}

    def kms_ListGrants(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        grants = self._key(asked).grants
        return {
            "Grants": [one for one in grants if one["GranteePrincipal"] == asked["GranteePrincipal"]],
            "Truncated": False,
        }

    # IAM, STS

    def iam_SimulatePrincipalPolicy(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        role, resources = asked["PolicySourceArn"], asked.get("ResourceArns") or ["*"]
        given = {one["ContextKeyName"].lower() for one in asked.get("ContextEntries", ())}
        results = []
        for action in asked["ActionNames"]:
            decided = [self._decide(role, action, resource, given) for resource in resources]
            worst = next((one for one in decided if one[0] != "allowed"), decided[0])
            result = {
                "EvalActionName": action,
                "EvalResourceName": resources[0] if len(resources) == 1 else "*",
                "EvalDecision": worst[0],
                "MissingContextValues": list(worst[1]),
            }
            if len(resources) > 1:  # one result for each action; the resources are inside it
                result["ResourceSpecificResults"] = [
                    {
                        "EvalResourceName": resource, "EvalResourceDecision": decision,
                        "MissingContextValues": list(missing),
                    }
                    for resource, (decision, missing) in zip(resources, decided, strict=True)
                ]  # fmt: skip
            results.append(result)
        return {"EvaluationResults": results, "IsTruncated": False}

    def _decide(self, role: str, action: str, resource: str, given: set[str]) -> tuple[str, tuple[str, ...]]:
        for pattern, decision, conditions in self.world.decisions[role, action]:
            if fnmatchcase(resource, pattern):
                missing = tuple(one for one in conditions if one.lower() not in given)
                return (decision, missing) if missing or not conditions else ("allowed", ())
        return "allowed", ()

    def sts_AssumeRole(self, place: Place, asked: dict[str, Any]) -> dict[str, Any]:
        account = asked["RoleArn"].split(":")[4]
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{account}", "SecretAccessKey": "secret", "SessionToken": "token",
                "Expiration": datetime(2099, 1, 1, tzinfo=UTC),
            },
            "AssumedRoleUser": {"AssumedRoleId": "AROA:huntbridge", "Arn": asked["RoleArn"]},
        }  # fmt: skip


_FIELDS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "attachment.instance-id": lambda one: [each["InstanceId"] for each in one["Attachments"]],
    "volume-id": lambda one: [one["VolumeId"]],
    "status": lambda one: [one["State"]],
    "instance-id": lambda one: [one["InstanceId"]],
    "tag:Name": lambda one: [tag["Value"] for tag in one.get("Tags", ()) if tag["Key"] == "Name"],
}


def _filtered(things: list[dict[str, Any]], asked: dict[str, Any]) -> list[dict[str, Any]]:
    for rule in asked.get("Filters", ()):
        values = set(rule["Values"])
        assert len(values) <= 200
        things = [one for one in things if _matches(_FIELDS[rule["Name"]](one), values)]
    return things


def _matches(texts: list[str], patterns: set[str]) -> bool:
    return bool(patterns & set(texts)) or any(
        fnmatchcase(text, pattern) for pattern in patterns if "*" in pattern for text in texts
    )


def _page(things: list[Any], asked: dict[str, Any], name: str) -> dict[str, Any]:
    first, size = int(asked.get("NextToken") or 0), asked["MaxResults"]
    more = {"NextToken": str(first + size)} if first + size < len(things) else {}
    return {name: things[first : first + size], **more}


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None: ...


@contextmanager
def serving(world: World) -> Iterator[str]:
    """The URL of the planted world, with credentials and endpoint in the environment."""
    server = make_server("127.0.0.1", 0, Planted(world), threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as environ:
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            environ.delenv(name, raising=False)
        environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environ.setenv("AWS_ACCESS_KEY_ID", "testing")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environ.setenv("AWS_ENDPOINT_URL", url)
        yield url
    server.shutdown()
    thread.join()
    server.server_close()
