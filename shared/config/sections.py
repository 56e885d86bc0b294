"""The configuration: one YAML file, or the environment alone. Read whole, checked whole, then frozen.

Every mistake is named with its line and what to write instead; unknown keys are mistakes. No secret is in
here: a secret is a `SecretRef`, and is looked up where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    Tag,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from shared.aws.regions import known_regions
from shared.config.environment import HUNT, SYSTEM_FORM, in_quotation_marks, read_environment, read_systems
from shared.config.errors import advice, explain, quoted
from shared.config.facts import FACTS, OTHERS
from shared.config.schedule import Schedule, Skipping, parse_schedule, why_never
from shared.config.tokens import IN_QUOTES, in_quotes
from shared.config.urls import check_webhook_url, https_url
from shared.config.window import parse_window
from shared.config.yaml import Document, EnvironmentDocument, NotYaml, Problem, read_yaml
from shared.models.severity import Severity
from shared.models.systems import System
from shared.secrets import SecretError, SecretRef, Secrets

DEFAULT_FILE = "huntbridge.yaml"
OTHER_FILE = "huntbridge.yml"
_IN_AWS = ("s3://", "ssm:")
_MAX_BYTES = 4 * 1024 * 1024
_ACCOUNT = r"^[0-9]{12}$"
_ROLE = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"
_INSTANCE = r"^i-[0-9a-f]{8}([0-9a-f]{9})?$"
_UNIT = r"^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$"
_MEMBER_ROLE = r"^arn:aws[a-z-]*:iam::\{account_id\}:role/.+$"
ALL_REGIONS = "all"
_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
SLACK_CHANNEL_ID = r"^[CGD][A-Z0-9]{8,20}$"
_SLACK_CHANNEL = r"^([CGD][A-Z0-9]{8,20}|#[^\s#@<>&,.]{1,80})$"
_FACTS = ", ".join((*FACTS, OTHERS))
_OTHER_NAME = f"is not read: rename it to {DEFAULT_FILE}, or name it with --config"
_TWO_WAYS = (
    "not set, and there is no huntbridge.yaml here: write one, or name one with HUNTBRIDGE_CONFIG, "
    "or set PLATFORM_IP and API_KEY in the environment"
)
_NO_MEMBER_ROLE = (
    "needs a role for the accounts of the unit; write at the top of the file, for example, "
    'organization: {role: "arn:aws:iam::{account_id}:role/huntbridge-read"}'
)
_SLACK_USER = r"^[UWS][A-Z0-9]{8,20}$"
TEAMS_USER = (
    r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[A-Za-z0-9][A-Za-z0-9._'#+-]{0,112}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$"
)
TEAMS_NAME = r"^[^\W_]([^\W_]|[ .,'’()-]){0,79}$"
_SLACK_WAYS = "write {webhook_url}, or {token} and {channel}"
_LEADS = "a webhook's URL says itself where it leads"
_LOGINS = "write {email} and {api_token} (Jira Cloud), or {token} (Jira Data Center)"


@dataclass(frozen=True)
class _Known:
    """What the rest of the document says, for checking one part of it. None: not checked here."""

    folder: Path
    accounts: tuple[str, ...] | None
    destinations: tuple[str, ...] | None
    extra_regions: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any], folder: Path) -> _Known:
        def names(key: str) -> tuple[str, ...] | None:
            found = data.get(key, {})
            return tuple(found) if isinstance(found, dict) else None

        extra = _listed(data.get("extra_regions")) or ()
        return cls(
            folder, names("accounts"), names("destinations"), tuple(e for e in extra if isinstance(e, str))
        )


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


class _OneOrMany:
    """One value stands for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array["items"], array]}


def _like(pattern: str, what: str) -> Any:
    """Text of one form; `what` says which."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(what)
        return text

    return Annotated[str, AfterValidator(check), Field(json_schema_extra={"pattern": pattern})]


def _form(pattern: str, what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(what)
        return text

    return check


def _name(text: str) -> str:
    if re.fullmatch(_NAME, text):
        return text
    better = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40]
    raise ValueError(
        "a name has at most 40 lower-case letters, digits, - and _, and begins with a letter or digit"
        + (f"; write {better}" if better else "")
    )


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _severity(text: str) -> str:
    if text not in set(Severity):
        raise ValueError(f"{quoted(text)} is not a severity{advice(text, Severity)}")
    return text


def _region(text: str, info: ValidationInfo) -> str:
    known: _Known | None = info.context
    if known is None or text in known.extra_regions or text in known_regions():
        return text
    meant = advice(text, known_regions()) or ";"
    raise ValueError(
        f"{quoted(text)} is not a region{meant} a newer one is admitted by extra_regions (or EXTRA_REGIONS)"
    )


def _region_or_all(text: str, info: ValidationInfo) -> str:
    return text if text == ALL_REGIONS else _region(text, info)


def _regions(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError(f"names no region; write {ALL_REGIONS} for every region that is enabled")
    return names


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg} at character {error.pos}") from None
    return text


def _account(text: str, info: ValidationInfo) -> str:
    known: _Known | None = info.context
    if not text or known is None or known.accounts is None or text in known.accounts:
        return text
    raise ValueError(f"there is no account {quoted(text)}{advice(text, known.accounts)}")


def _destination(text: str, info: ValidationInfo) -> str:
    known: _Known | None = info.context
    if known is None or known.destinations is None or text in known.destinations:
        return text
    raise ValueError(f"there is no destination {quoted(text)}{advice(text, known.destinations)}")


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no destination: what matches would be lost")
    return names


def _any(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no destination: nobody would be reminded")
    return names


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # not found, not a name at all, a folder of the tz database
        there = available_timezones()
        if not there:
            raise ValueError("this machine has no time zones; install the package tzdata") from None
        example = advice(text, there) or "; write one such as Europe/Berlin or Etc/UTC"
        raise ValueError(f"{quoted(text)} is not a time zone{example}") from None
    return text


def _schedule(text: str, info: ValidationInfo) -> str:
    parse_schedule(text, info.data.get("timezone", "Etc/UTC"))
    return text


def _window(text: str) -> str:
    parse_window(text)
    return text.strip()


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a date; write it as 2026-12-24") from None


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("must be the certificate's SHA-256: 64 hex digits, colons allowed")
    return digits


def _file(text: str, info: ValidationInfo) -> str:
    known: _Known | None = info.context
    if known is None:
        return text
    path = (known.folder / text).absolute()
    if not path.is_file():
        raise ValueError(
            f"there is no file {quoted(text)}; a path counts from the folder of the configuration"
        )
    return str(path)


def _link(text: str) -> str:
    if not re.match(r"\{url\}(/|$)", text):
        raise ValueError("must begin with {url}/, so that a link leads nowhere but to the platform")
    if set(re.findall(r"\{(.*?)\}|[{}]", text)) - {"url", "project_id", "evidence_id"}:
        raise ValueError("may hold {url}, {project_id} and {evidence_id}, and no other braces")
    return text


def _as_ref(text: str) -> SecretRef | None:
    return SecretRef.parse(text) if re.fullmatch(SecretRef.PATTERN, text) else None


def _jira_url(text: str) -> str:
    """Refuses the URL of a page in Jira, which gives neither the API's address nor a link to an issue."""
    url = https_url(text, path="any")
    parts = urlsplit(url)
    if (parts.hostname or "").endswith(".atlassian.net") and parts.path:
        raise ValueError("must end with the host: take away the path")
    if page := re.search(r"/(browse|secure|projects|issues|plugins|rest)(/|$)", parts.path):
        raise ValueError(f"must end with the host or Jira's own path: take away what begins with {page[0]}")
    return url


def _receiver_url(text: str) -> str:
    if _as_ref(text):
        return text
    if "://" not in text:
        raise ValueError("must begin with https://, or be a secret reference such as env:SIEM_URL")
    if wrong := check_webhook_url("webhook", text):
        raise ValueError(wrong)
    return text


def _slack_host(text: str) -> str:
    loopback = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}", text)
    if text not in ("slack.com", "slack-gov.com") and not loopback:
        raise ValueError("must be slack.com or slack-gov.com, or a loopback address such as 127.0.0.1:8081")
    return text


def _one_or_two(refs: tuple[SecretRef, ...]) -> tuple[SecretRef, ...]:
    if not 1 <= len(refs) <= 2:
        raise ValueError("must be one secret reference, or two in a rotation: the new one and the old one")
    return refs


def _at_most_two(refs: tuple[SecretRef, ...]) -> tuple[SecretRef, ...]:
    return _one_or_two(refs) if refs else refs


def _template(text: str) -> str:
    from shared.config.templates import Template  # Jinja takes 0.1 s, and few configurations need it

    Template(text)
    return text


def _page(text: str) -> str:
    address, _, rest = re.match(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    https_url(address, path="any")
    if not re.fullmatch(r"[!#$%&'()*+,./0-9:;=?@A-Z_a-z~-]*", rest):
        raise ValueError("holds a space or another character that no URL has")
    return text


def _fact(text: str) -> str:
    if text not in (*FACTS, OTHERS):
        raise ValueError(f"{quoted(text)} is not a fact{advice(text, FACTS) or f'; write one of {_FACTS}'}")
    return text


def _fact_label(text: str) -> str:
    if not re.fullmatch(r"[^\s*_~`<>|{}\\\[\]]([^\n*_~`<>|{}\\\[\]]{0,39})", text):
        raise ValueError("a label has at most 40 characters, and none of * _ ~ ` < > | { } [ ] \\")
    return text


def _one_of_each(facts: tuple[FactConfig, ...]) -> tuple[FactConfig, ...]:
    named = [fact.show for fact in facts if fact.show]
    if twice := [name for name in dict.fromkeys(named) if named.count(name) > 1]:
        raise ValueError(f"{twice[0]} stands there twice")
    return facts


def _a_few(links: tuple[LinkConfig, ...]) -> tuple[LinkConfig, ...]:
    if len(links) > 3:
        raise ValueError("are more than three")
    return links


def _not_in_a_file(value: object, info: ValidationInfo) -> object:
    if info.context is not None:
        raise PydanticKnownError("extra_forbidden")
    return value


_Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": _NAME})]
_NAMES_ONLY: dict[str, JsonValue] = {"additionalProperties": False}  # beside the pattern of the names
_Text = Annotated[str, AfterValidator(_filled), Field(json_schema_extra={"minLength": 1})]
_Url = Field(json_schema_extra={"format": "uri", "pattern": "^https?://"})
_PlatformUrl = Annotated[str, AfterValidator(lambda text: https_url(text, path="api")), _Url]
_AnyUrl = Annotated[str, AfterValidator(lambda text: https_url(text, path="any")), _Url]
_JiraUrl = Annotated[str, AfterValidator(_jira_url), _Url]
_ReceiverUrl = Annotated[
    str,
    AfterValidator(_receiver_url),
    Field(json_schema_extra={"pattern": "^(https?://|env:|file:/|aws-)"}),
]
_SeverityName = Annotated[str, AfterValidator(_severity), Field(json_schema_extra={"enum": list(Severity)})]
_Template = Annotated[str, AfterValidator(_template)]
_Destination = Annotated[str, AfterValidator(_destination)]
_Texts = Annotated[tuple[str, ...], _OneOrMany()]
_File = Annotated[str, AfterValidator(_file)]
_Fingerprint = Annotated[
    str, AfterValidator(_fingerprint), Field(json_schema_extra={"pattern": "^[0-9A-Fa-f:]{64,95}$"})
]
_AccountId = Annotated[
    str,
    AfterValidator(_form(_ACCOUNT, "must be twelve digits, in quotes")),
    Field(json_schema_extra={"pattern": _ACCOUNT}),
]
_Role = Annotated[
    str,
    AfterValidator(_form(_ROLE, "must be the ARN of a role, arn:aws:iam::123456789012:role/name")),
    Field(json_schema_extra={"pattern": _ROLE}),
]
_InstanceId = Annotated[
    str,
    AfterValidator(_form(_INSTANCE, "must be an instance id: i- and 8 or 17 hex digits in lower case")),
    Field(json_schema_extra={"pattern": _INSTANCE}),
]
_InstanceIds = Annotated[tuple[_InstanceId, ...], _OneOrMany()]
_Unit = Annotated[
    str,
    AfterValidator(_form(_UNIT, "must be a unit's id, such as ou-ab12-34cd56ef, or the root's, r-ab12")),
    Field(json_schema_extra={"pattern": _UNIT}),
]
_MemberRole = Annotated[
    str,
    AfterValidator(_form(_MEMBER_ROLE, "must be a role's ARN, arn:aws:iam::{account_id}:role/name")),
    Field(json_schema_extra={"pattern": _MEMBER_ROLE}),
]
_Accounts = Annotated[tuple[Annotated[str, AfterValidator(_account)], ...], _OneOrMany()]
_State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
_Platforms = Annotated[tuple[Literal["windows", "linux"], ...], _OneOrMany()]
_Date = Annotated[str, AfterValidator(_date), Field(json_schema_extra={"format": "date"})]
_ExtraRegion = Annotated[str, AfterValidator(_form(r"^[a-z0-9-]+$", "must be a region such as eu-west-9"))]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlatformConfig(_Section):
    """The platform and how to reach it."""

    url: _PlatformUrl = Field(description="https://host or https://host:port of the platform")
    api_key: SecretRef = Field(description="the API key, as a secret reference")
    admin_key: SecretRef | None = Field(
        None,
        description="a Platform Administrator's API key, for `huntbridge webhook` and to watch the webhook",
    )
    api_version: Literal["v3", "v2"] = Field("v3", description="v2 for old platforms that have no v3")
    ca_bundle: _File | None = Field(
        None, description="PEM file of the CA that signed the platform's certificate; from this file's folder"
    )
    fingerprint: _Fingerprint | None = Field(
        None,
        description="SHA-256 of the platform's certificate, hex, colons allowed; that one alone is trusted",
    )
    bucket: str = Field("", description="S3 bucket that a v2 platform copies disks through")
    link: Annotated[str, AfterValidator(_link)] = Field(
        "{url}",
        description="where a message's button leads; {url}, {project_id} and {evidence_id} are filled in",
    )
    retry_for: int = Field(
        3_600, gt=0, strict=True, description="seconds that a platform that is down is tried by a hunt"
    )
    settle_after: float = Field(
        90,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="seconds after which a capture request without an answer and a trace is repeated",
    )


class WebhookConfig(_Section):
    """What the platform's webhook must carry."""

    tokens: Annotated[tuple[SecretRef, ...], _OneOrMany()] = Field(
        (),
        description="the tokens that are accepted, current and previous; with none every webhook is refused",
    )
    url: _AnyUrl | None = Field(
        None, description="where the platform's webhook must lead; with platform.admin_key this is watched"
    )
    max_waiting: int = Field(
        100_000,
        gt=0,
        strict=True,
        description="of serve: items that may wait in [events] and [deliveries]; more webhooks are refused",
    )
    keep_free_mb: int = Field(
        64,
        ge=0,
        strict=True,
        description="of serve: MiB of the disk that webhooks leave free for huntbridge's own records",
    )


class AccountConfig(_Section):
    """An AWS account that holds systems."""

    id: _AccountId | None = Field(None, description="twelve digits, in quotes")
    role: _Role | None = Field(None, description="ARN of the role to read EC2 with")
    external_id: SecretRef | None = Field(None, description="external id of the role, as a secret reference")
    cado_account: _Text = Field(
        "Default", description="the name that the platform gives to its credentials for this account"
    )


class OrganizationConfig(_Section):
    """AWS Organizations: how the accounts of a unit are read that are not in accounts."""

    role: _MemberRole = Field(
        description="ARN of the role to read EC2 with in each account; {account_id} is filled in"
    )
    external_id: SecretRef | None = Field(None, description="external id of the role, as a secret reference")
    cado_account: _Text = Field(
        "{account_id}",
        description="the name that the platform gives to its credentials for an account; "
        "{account_id} is filled in",
    )
    account: Annotated[str, AfterValidator(_account)] = Field(
        "",
        description="a key of accounts, by whose role Organizations is asked; empty for this machine's own",
    )


_Mode = Literal["full", "triage", "scan"]
_OwnMode = Annotated[
    _Mode | None, Field(description="how much of these systems is captured; by default what the hunt says")
]


class TargetConfig(_Section):
    """One system to capture."""

    instance: _InstanceId = Field(description="EC2 instance id")
    region: Annotated[str, AfterValidator(_region)] = Field(description="AWS region, such as us-east-1")
    account: Annotated[str, AfterValidator(_account)] = Field(
        "", description="a key of accounts; empty for the platform's own account"
    )
    capture: _OwnMode = None


class AutoScalingConfig(_Section):
    """Auto Scaling groups, of which a sample is taken."""

    names: _Texts = Field(("*",), description="names of groups; by default every group")
    sample: int | None = Field(
        1, gt=0, strict=True, description="how many of each group, the longest running first; null for all"
    )


class WhichConfig(_Section):
    """What must be true of a system. All that are given must fit; a list fits when one of it does."""

    tags: dict[str, _Texts] = Field({}, description="EC2 tags: key and values, with * and ?")
    names: _Texts = Field((), description="the tag Name, with * and ?")
    vpcs: _Texts = Field((), description="ids of VPCs, with * and ?")
    platforms: _Platforms = Field((), description="windows, linux")
    states: Annotated[tuple[_State, ...], _OneOrMany()] = Field((), description="states of EC2")
    instance_regex: Annotated[str, AfterValidator(_regex)] | None = Field(
        None, description="regular expression that the whole instance id fits"
    )


class SelectorConfig(WhichConfig):
    """All systems of some accounts and regions that fit, looked up anew for each hunt."""

    states: Annotated[tuple[_State, ...], _OneOrMany()] = Field(
        ("running", "stopped"), description="states of EC2"
    )
    regions: Annotated[
        tuple[Annotated[str, AfterValidator(_region_or_all)], ...], AfterValidator(_regions), _OneOrMany()
    ] = Field(description="AWS regions, or all: every region that the account has enabled")
    accounts: _Accounts = Field(
        (), description="keys of accounts; by default, without organizational_units, this machine's own"
    )
    organizational_units: Annotated[tuple[_Unit, ...], _OneOrMany()] = Field(
        (), description="units of AWS Organizations, with all accounts in and below them"
    )
    auto_scaling_groups: AutoScalingConfig | None = Field(
        None, description="only systems of these Auto Scaling groups"
    )
    capture: _OwnMode = None


class ExcludeConfig(WhichConfig):
    """Systems that are left out although a target takes them."""

    instance: _InstanceIds = Field((), description="EC2 instance ids")
    regions: Annotated[tuple[Annotated[str, AfterValidator(_region)], ...], _OneOrMany()] = Field(
        (), description="AWS regions"
    )
    accounts: _Accounts = Field((), description="keys of accounts")


def _kind_of_target(target: Any) -> str:
    """A selector is known by the keys that only a selector has."""
    keys = set(target) if isinstance(target, dict) else set()
    looks = isinstance(target, SelectorConfig) or (
        "instance" not in keys
        and keys & (SelectorConfig.model_fields.keys() - TargetConfig.model_fields.keys())
    )
    return (SelectorConfig if looks else TargetConfig).__name__


_Target = Annotated[
    Annotated[TargetConfig, Tag(TargetConfig.__name__)]
    | Annotated[SelectorConfig, Tag(SelectorConfig.__name__)],
    Discriminator(_kind_of_target),
]


class HostOptionsConfig(_Section):
    """What Cado Host collects in a triage."""

    collection_type: Literal["balanced", "custom"] = Field(
        "balanced", description="custom collects groups and additional_files"
    )
    light_mode: bool = Field(default=False, strict=True, description="only files below 10 MB")
    skip_scan: bool = Field(
        default=False, strict=True, description="do not search for more files by their signatures"
    )
    additional_files_only: bool = Field(
        default=False, strict=True, description="of custom: collect additional_files and nothing else"
    )
    groups: _Texts = Field((), description="of custom: groups of files, by the platform's names")
    additional_files: _Texts = Field((), description="paths of files to collect as well")


class ProjectConfig(_Section):
    """Who sees a hunt's project on the platform, beside the user of the API key."""

    users: _Texts = Field((), description="names of users of the platform")
    groups: _Texts = Field((), description="names of groups of the platform")


class HuntConfig(_Section):
    """A hunt definition: which systems are captured, when and how."""

    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        "Etc/UTC", description="time zone of the schedule, such as Europe/Berlin"
    )
    schedule: Annotated[str, AfterValidator(_schedule)] | None = Field(
        None, description="cron(…), rate(…) or at(…) as in EventBridge Scheduler; without it, on demand alone"
    )
    catch_up: bool = Field(
        default=False,
        strict=True,
        description="start the last run that was missed however late it is; by default within an hour alone",
    )
    skip_dates: Annotated[tuple[_Date, ...], _OneOrMany()] = Field(
        (), description="dates in the hunt's time zone on which its schedule starts nothing"
    )
    overlap: Literal["skip", "queue"] = Field(
        "skip", description="what becomes of a run that is due while the hunt's last one is still under way"
    )
    max_in_flight: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="captures under way at once; by default as many as the platform says it works on at once",
    )
    window: Annotated[str, AfterValidator(_window)] | None = Field(
        None,
        description="such as 22:00-06:00, in the hunt's time zone: outside it no capture starts",
    )
    jitter: int = Field(
        0, ge=0, le=900, strict=True, description="seconds over which captures that may start are spread"
    )
    retries: int = Field(
        0, ge=0, le=10, strict=True, description="how often a capture that failed on the platform is repeated"
    )
    capture: _Mode = Field("full", description="how much of a system is captured")
    skip_processing: bool = Field(
        default=False,
        strict=True,
        description="keep what was captured and do not search it: there will be no alarms",
    )
    host_options: HostOptionsConfig | None = Field(None, description="what a triage collects")
    project: ProjectConfig = Field(
        ProjectConfig(), description="who sees the project beside the user of the API key"
    )
    targets: tuple[_Target, ...] = Field(
        description="the systems; at least one", json_schema_extra={"minItems": 1}
    )
    exclude: tuple[ExcludeConfig, ...] = Field(
        (), description="what is left out of them; each takes away the systems that fit"
    )
    max_systems: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="at most so many systems in one hunt; the rest has its turn later",
    )
    order: Literal["least_recently_hunted", "random", "oldest"] = Field(
        "least_recently_hunted", description="which of more than max_systems are taken first"
    )
    problems: SkipJsonSchema[Annotated[tuple[str, ...], AfterValidator(_not_in_a_file)]] = Field(
        default=(), exclude=True
    )  # entries of SYSTEM1…n that could not be read

    def skips(self, moment: datetime) -> bool:
        """Whether the schedule starts nothing on the day of `moment`."""
        return moment.astimezone(ZoneInfo(self.timezone)).date().isoformat() in self.skip_dates

    @property
    def calendar(self) -> Schedule | None:
        """When it is due; None where it runs on demand alone."""
        if not self.schedule:
            return None
        schedule = parse_schedule(self.schedule, self.timezone)
        dates = frozenset(map(date.fromisoformat, self.skip_dates))
        return Skipping(schedule, dates, ZoneInfo(self.timezone)) if dates else schedule

    @property
    def schedule_form(self) -> str:
        """The schedule as it is written: when another one is written, it counts from then."""
        without = f" without {', '.join(self.skip_dates)}" if self.skip_dates else ""
        return f"{self.schedule} {self.timezone}{without}"

    def never_runs(self, after: datetime) -> str:
        """Why the schedule starts nothing any more, in words; empty where it does, or where there is none."""
        why = self.why_never_runs(after)
        return why and f"{self.schedule} {why}"

    def why_never_runs(self, after: datetime) -> str:
        """The same, without the schedule itself."""
        calendar = self.calendar
        if not self.schedule or calendar is None or calendar.next_after(after) is not None:
            return ""
        return why_never(self.schedule, self.timezone, after)

    def may_start(self, moment: datetime) -> bool:
        """Whether `moment` is inside the window, where there is one."""
        return self.window is None or parse_window(self.window).is_open(moment, ZoneInfo(self.timezone))

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems that are named, each once, in the order in which they are written."""
        found = (System(t.instance, t.region, t.account) for t in self.targets if isinstance(t, TargetConfig))
        return tuple(dict.fromkeys(found))

    @property
    def modes(self) -> dict[System, str]:
        """How those systems are captured that are named with a `capture` of their own."""
        named = [t for t in self.targets if isinstance(t, TargetConfig)]
        found = {System(t.instance, t.region, t.account): t.capture for t in reversed(named)}
        return {system: mode for system, mode in found.items() if mode}

    @property
    def selects(self) -> bool:
        """Whether the systems are found only by asking AWS."""
        return bool(self.exclude) or any(isinstance(t, SelectorConfig) for t in self.targets)


class GuardDutyConfig(_Section):
    """Findings of GuardDuty that start a hunt of the instance that they are about."""

    capture: _Mode = Field("full", description="how much of the instance is captured")
    min_severity: float = Field(
        7, ge=0, le=10, allow_inf_nan=False, description="severity of a finding from which it is hunted"
    )
    types: _Texts = Field(("*",), description="types of findings, with * and ?")
    quiet_period: int = Field(
        86_400, ge=0, strict=True, description="seconds in which one instance is hunted once"
    )


_Pace = Annotated[
    float | None,
    Field(
        gt=0,
        le=10_000,
        strict=True,
        allow_inf_nan=False,
        description="messages a second that it takes; by default what the vendor says",
    ),
]


_SlackChannel = Annotated[
    str,
    AfterValidator(
        _form(_SLACK_CHANNEL, 'must be a channel\'s id such as C0123456789, or its name in quotes, "#soc"')
    ),
    Field(json_schema_extra={"pattern": _SLACK_CHANNEL}),
]


_SLACK_PERSON = r"^[UW][A-Z0-9]{8,20}$"
_SlackPerson = Annotated[
    str,
    AfterValidator(
        _form(_SLACK_PERSON, "must be a user's id such as U0123456789, and no name or user group")
    ),
    Field(json_schema_extra={"pattern": _SLACK_PERSON}),
]


def _somebody(people: tuple[str, ...]) -> tuple[str, ...]:
    if not people:
        raise ValueError("is empty: leave it out if everybody in the channel may acknowledge")
    return people


class SlackConfig(_Section):
    """A Slack channel, through an incoming webhook, or by a bot token and with one thread for each case."""

    type: Literal["slack"]
    webhook_url: SecretRef | None = Field(
        None, description="URL of the incoming webhook, as a secret reference"
    )
    token: SecretRef | None = Field(
        None, description="bot token of the app, xoxb-…, as a secret reference; with channel"
    )
    channel: _SlackChannel | None = Field(
        None, description="id of the channel, such as C0123456789, or its name in quotes, such as #soc"
    )
    host: Annotated[str, AfterValidator(_slack_host)] | None = Field(
        None,
        description="with token: slack-gov.com for GovSlack; by default slack.com. A loopback address with a "
        "port, such as 127.0.0.1:8081, reaches a simulation on this machine",
    )
    signing_secret: Annotated[
        tuple[SecretRef, ...],
        AfterValidator(_at_most_two),
        Field(json_schema_extra={"maxItems": 2}),
        _OneOrMany(),
    ] = Field(
        (),
        description="with token: the app's signing secret, as a secret reference, for buttons that work; "
        "two during a rotation",
    )
    may_acknowledge: (
        Annotated[
            tuple[_SlackPerson, ...],
            AfterValidator(_somebody),
            Field(json_schema_extra={"minItems": 1}),
            _OneOrMany(),
        ]
        | None
    ) = Field(
        None,
        description="with signing_secret: ids of the users who may click Acknowledge; by default everybody "
        "in the channel",
    )
    ca_bundle: _File | None = Field(
        None,
        description="PEM file of the CA, such as a proxy's, that alone is trusted; from this file's folder",
    )
    pace: _Pace = None

    @property
    def api_url(self) -> str:
        """Where the methods of Slack's Web API are. Only a simulation on this machine needs no TLS."""
        host = self.host or "slack.com"
        return f"{'http' if ':' in host else 'https'}://{host}/api/"


class TeamsConfig(_Section):
    """A Microsoft Teams channel, through a Workflows webhook."""

    type: Literal["teams"]
    webhook_url: SecretRef = Field(description="URL of the Workflows webhook, as a secret reference")
    heartbeat_days: int | None = Field(
        None,
        ge=1,
        le=80,
        strict=True,
        description="days without a message after which one says that huntbridge is alive: Microsoft "
        "switches a workflow off that was not used for 90; by default none does",
    )
    ca_bundle: _File | None = Field(
        None,
        description="PEM file of the CA, such as a proxy's, that alone is trusted; from this file's folder",
    )
    pace: _Pace = None


_JIRA_FIELD = r"^[a-zA-Z][a-zA-Z0-9_]{0,60}$"
# What has a key of its own, or is said by the message.
_OWN_FIELDS = {
    "project": "has a key of its own: project",
    "issuetype": "has a key of its own: issue_type",
    "labels": "has a key of its own: labels",
    "priority": "has a key of its own: priorities",
    "components": "has a key of its own: components",
    "security": "has a key of its own: security",
    "assignee": "is said by owners",
    "summary": "is the title of the message",
    "description": "is the message",
}


def _jira_field(text: str) -> str:
    if text in _OWN_FIELDS:
        raise ValueError(f"{quoted(text)} {_OWN_FIELDS[text]}")
    if not re.fullmatch(_JIRA_FIELD, text):
        raise ValueError("must be the id of a field, such as customfield_10010, and not its name")
    return text


def _field_value(value: JsonValue) -> JsonValue:
    """Every text in it is a template."""
    match value:
        case None:
            raise ValueError("has no value: leave it out")
        case str():
            _template(value)
        case list():
            for one in value:
                _field_value(one)
        case dict():
            for one in value.values():
                _field_value(one)
    return value


_JiraField = Annotated[str, AfterValidator(_jira_field), Field(json_schema_extra={"pattern": _JIRA_FIELD})]


class JiraConfig(_Section):
    """A Jira project. The login is email with api_token (Cloud), or token (Data Center)."""

    type: Literal["jira"]
    url: _JiraUrl = Field(description="https://host of Jira, with its context path where it has one")
    project: _Text = Field(description="key of the project, such as SEC")
    issue_type: _Text = Field("Task", description="name of the issue type")
    email: _Text | None = Field(None, description="Cloud: the account that the API token belongs to")
    api_token: SecretRef | None = Field(None, description="Cloud: the API token, as a secret reference")
    token: SecretRef | None = Field(
        None, description="Data Center: a personal access token, as a secret reference"
    )
    api: Literal["auto", "cloud", "datacenter"] = Field(
        "auto", description="which Jira it is; auto finds out by the URL and the login"
    )
    site: _AnyUrl | None = Field(
        None,
        description="https://host of the site that people open, where url is https://api.atlassian.com/ex/jira/…",
    )
    labels: _Texts = Field(("huntbridge",), description="labels of every issue")
    components: _Texts = Field((), description="names of components of every issue")
    security: _Text | None = Field(None, description="name of the security level of every issue")
    fields: dict[_JiraField, Annotated[JsonValue, AfterValidator(_field_value)]] = Field(
        {},
        description="more fields by their ids, such as customfield_10010; the texts in them are templates",
        json_schema_extra=_NAMES_ONLY,
    )
    reopen_within: int = Field(
        604_800,
        ge=0,
        strict=True,
        description="seconds since an issue was closed in which a new alarm of its case reopens it; "
        "after them it gets a new issue",
    )
    respect_resolutions: _Texts = Field(
        ("Won't Do", "Won't Fix", "Duplicate"),
        description="names of resolutions that stand: a new alarm is a comment and reopens nothing",
    )
    priorities: dict[_SeverityName, str] = Field(
        {"malicious": "Highest", "suspicious": "High", "unknown": "High", "info": "Low"},
        description="name of the Jira priority for each severity",
    )
    ca_bundle: _File | None = Field(
        None, description="PEM file of the CA that signed Jira's certificate; from this file's folder"
    )
    pace: _Pace = None

    @property
    def gateway(self) -> bool:
        """Whether Jira is reached through Atlassian's gateway, which shows no page to a person."""
        return urlsplit(self.url).hostname == "api.atlassian.com"


class WebhookDestinationConfig(_Section):
    """Any receiver of a signed webhook, such as a SIEM or a SOAR."""

    type: Literal["webhook"]
    url: _ReceiverUrl = Field(
        description="where alarms are posted to; as a secret reference where whoever knows the URL may post"
    )
    secrets: Annotated[
        tuple[SecretRef, ...],
        AfterValidator(_one_or_two),
        Field(json_schema_extra={"minItems": 1, "maxItems": 2}),
        _OneOrMany(),
    ] = Field(description="what the messages are signed with, as secret references; two during a rotation")
    ca_bundle: _File | None = Field(
        None, description="PEM file of the CA that signed the receiver's certificate; from this file's folder"
    )
    pace: _Pace = None

    @property
    def url_ref(self) -> SecretRef | None:
        """Where the URL is; None where `url` is the URL itself."""
        return _as_ref(self.url)


DestinationConfig = Annotated[
    SlackConfig | TeamsConfig | JiraConfig | WebhookDestinationConfig, Field(discriminator="type")
]


class MatchConfig(_Section):
    """All that are given must match; a list matches when one of it does. Text takes globs (`*`, `?`)."""

    event: _Texts = Field((), description="kind of event, such as processing_with_alarms")
    severity: Annotated[tuple[_SeverityName, ...], _OneOrMany()] = Field(
        (), description="severity of the alarm"
    )
    hunt: _Texts = Field((), description="name of the hunt")
    project: _Texts = Field((), description="the project's name or id")
    account: _Texts = Field((), description="the account's key in accounts, or its id")
    region: _Texts = Field((), description="AWS region of the system")
    instance: _Texts = Field((), description="the system's instance id or its tag Name")
    tags: dict[str, _Texts] = Field({}, description="EC2 tags of the system: key and values")


class RouteConfig(_Section):
    """Where alarms go that match."""

    match: MatchConfig = Field(MatchConfig(), description="what must match; empty takes every alarm")
    to: Annotated[
        tuple[_Destination, ...],
        AfterValidator(_some),
        Field(json_schema_extra={"minItems": 1}),
        _OneOrMany(),
    ] = Field(description="names of destinations")
    go_on: bool = Field(
        default=False, alias="continue", strict=True, description="look at the routes below as well"
    )


_SlackUser = Annotated[
    str,
    AfterValidator(
        _form(_SLACK_USER, "must be the id of a user, U0123456789, or of a user group, S0123456789, in Slack")
    ),
    Field(json_schema_extra={"pattern": _SLACK_USER}),
]


_TeamsUserId = Annotated[
    str,
    AfterValidator(
        _form(
            TEAMS_USER,
            "must be the user's object id in Entra, such as 00000000-1111-2222-3333-444444444444, or the "
            "user principal name, such as jane@acme.example",
        )
    ),
    Field(json_schema_extra={"pattern": TEAMS_USER}),
]
_TeamsName = Annotated[
    str,
    AfterValidator(_form(TEAMS_NAME, "must be a name: letters, digits, spaces and . , ' ( ) -, at most 80")),
    Field(json_schema_extra={"minLength": 1, "maxLength": 80}),
]


class TeamsUserConfig(_Section):
    """A user in Microsoft Teams. Groups, channels and tags cannot be called by a workflow."""

    id: _TeamsUserId = Field(description="the user's object id in Entra, or the user principal name")
    name: _TeamsName = Field(description="what stands in the message, such as Jane Doe")


class OwnerConfig(_Section):
    """Who is called about systems of one owner; at least one of them."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    slack: _SlackUser | None = Field(None, description="id of a user or a user group in Slack")
    teams: TeamsUserConfig | None = Field(None, description="a user in Microsoft Teams")
    jira: _Text | None = Field(
        None, description="to whom Jira assigns a new issue: account id (Cloud) or user name (Data Center)"
    )


class _NameAlone:
    """A text stands for a fact of that name."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def named(value: Any) -> Any:
            return {"show": value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(named, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": [*FACTS, OTHERS]}, handler(schema)]}


class FactConfig(_Section):
    """One line of a message: a fact by its name, a tag, or a text of your own."""

    show: Annotated[str, AfterValidator(_fact)] | None = Field(None, description="name of a fact")
    tag: _Text | None = Field(None, description="name of an EC2 tag")
    value: _Template | None = Field(None, description="a template; left out where it comes out empty")
    label: Annotated[str, AfterValidator(_fact_label)] | None = Field(
        None, description="what it is called; needed for a template, and a tag goes by its name without it"
    )

    @model_validator(mode="after")
    def _is_one(self) -> FactConfig:
        if [self.show, self.tag, self.value].count(None) != 2:
            raise ValueError("write the name of a fact, or {tag}, or {label, value}")
        if self.value is not None and self.label is None:
            raise ValueError("needs a label")
        if self.show is not None and self.label is not None:
            raise ValueError("a fact has its own label; a label goes with tag or value")
        return self


class LinkConfig(_Section):
    """A link of your own, beside those to the platform and to EC2."""

    text: Annotated[str, AfterValidator(_fact_label)] = Field(description="what the button says")
    url: Annotated[str, AfterValidator(_page), _Url] = Field(description="https://…")


class MessageConfig(_Section):
    """What a message says, where it is not to be what huntbridge would say."""

    title: _Template | None = Field(
        None, description="a template for the title of an alarm; other messages keep their own"
    )
    facts: Annotated[tuple[Annotated[FactConfig, _NameAlone()], ...], AfterValidator(_one_of_each)] = Field(
        (), description="which facts an alarm shows, in this order; by default all that are known"
    )
    footer: _Template | None = Field(None, description="a template for one last line")
    links: Annotated[tuple[LinkConfig, ...], AfterValidator(_a_few)] = Field(
        (), description="more links, such as to your runbook: at most three"
    )


class DeliveryConfig(_Section):
    """How messages are sent."""

    retry_for: int = Field(
        86_400, gt=0, strict=True, description="seconds that a destination that is down is tried"
    )
    fallback: _Destination | None = Field(
        None,
        description="destination that is told what could not be delivered to another one; "
        "by default the first other one",
    )


class RemindersConfig(_Section):
    """Malicious cases that nobody has taken are told again."""

    after: int = Field(
        1_800,
        ge=60,
        strict=True,
        description="seconds until a case is told again, and from one time to the next",
    )
    to: Annotated[
        tuple[_Destination, ...],
        AfterValidator(_any),
        Field(json_schema_extra={"minItems": 1}),
        _OneOrMany(),
    ] = Field(description="names of the destinations that are told")
    times: int = Field(1, ge=1, le=100, strict=True, description="how often, at most")


class FollowConfig(_Section):
    """How open hunts are followed."""

    interval: float = Field(
        60, gt=0, strict=True, allow_inf_nan=False, description="seconds between two looks at the open hunts"
    )
    recover_after: float | None = Field(
        None,
        ge=0,
        strict=True,
        allow_inf_nan=False,
        description="seconds that a webhook may be late before its alarm is taken for lost; "
        "by default until the next look",
    )
    recover_for: int = Field(
        604_800,
        ge=0,
        strict=True,
        description="seconds after a hunt's end in which its project is looked at for lost alarms",
    )
    all_projects: bool = Field(
        default=False,
        strict=True,
        description="look for lost alarms in every project on the platform, and not only in those of hunts",
    )
    stall_after: int = Field(
        14_400,
        gt=0,
        strict=True,
        description="seconds without any progress after which a capture is told of as stalled",
    )
    give_up_after: int = Field(
        172_800,
        gt=0,
        strict=True,
        description="seconds after which a capture that never ended counts as failed",
    )


class Config(_Section):
    """The configuration of huntbridge."""

    platform: PlatformConfig = Field(description="the platform and how to reach it")
    webhook: WebhookConfig = Field(WebhookConfig(), description="what the platform's webhook must carry")
    accounts: dict[str, AccountConfig] = Field({}, description="AWS accounts by a name of your choice")
    organization: OrganizationConfig | None = Field(
        None, description="AWS Organizations: how the accounts of a unit are read that are not in accounts"
    )
    hunts: dict[_Name, HuntConfig] = Field(
        {}, description="hunt definitions by name", json_schema_extra=_NAMES_ONLY
    )
    guardduty: GuardDutyConfig | None = Field(
        None, description="which findings of GuardDuty start a hunt; by default none does"
    )
    destinations: dict[_Name, DestinationConfig] = Field(
        {},
        description="Slack channels, Teams channels, Jira projects and webhooks by name",
        json_schema_extra=_NAMES_ONLY,
    )
    routes: tuple[RouteConfig, ...] = Field((), description="which alarms go where; the first match wins")
    default: Annotated[tuple[_Destination, ...], _OneOrMany()] = Field(
        (), description="destinations of an alarm that no route takes"
    )
    owner_tag: _Text = Field("Owner", description="EC2 tag that says whose a system is")
    owners: dict[str, OwnerConfig] = Field(
        {}, description="whom a message calls about a system, by the whole value of its owner_tag"
    )
    message: MessageConfig = Field(
        MessageConfig(), description="what messages say, and which facts they show"
    )
    delivery: DeliveryConfig = Field(DeliveryConfig(), description="how messages are sent")
    reminders: RemindersConfig | None = Field(
        None, description="malicious cases that nobody has taken are told again; by default they are not"
    )
    follow: FollowConfig = Field(FollowConfig(), description="how open hunts are followed")
    extra_regions: Annotated[tuple[_ExtraRegion, ...], _OneOrMany()] = Field(
        (), description="AWS regions newer than the list that this version ships"
    )

    def account(self, name: str) -> AccountConfig | None:
        """By its key in `accounts`, or by its twelve digits where `organization` says how it is read."""
        if name in self.accounts or self.organization is None or not re.fullmatch(_ACCOUNT, name):
            return self.accounts.get(name)
        return AccountConfig(
            id=name,
            role=self.organization.role.replace("{account_id}", name),
            external_id=self.organization.external_id,
            cado_account=self.organization.cado_account.replace("{account_id}", name),
        )

    @property
    def slack_signing_secrets(self) -> tuple[SecretRef, ...]:
        """Of all Slack apps whose buttons work."""
        apps = (one for one in self.destinations.values() if isinstance(one, SlackConfig))
        return tuple(dict.fromkeys(ref for app in apps for ref in app.signing_secret))

    def account_name(self, account_id: str) -> str:
        """The key of the account with these twelve digits; the digits where it has none."""
        return next((name for name, one in self.accounts.items() if one.id == account_id), account_id)


class ConfigError(Exception):
    """What is wrong with the configuration, one line each: `file:line: where: what, and what to do`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a title that repeats the key tells an editor's user nothing


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    found = Config.model_json_schema(by_alias=True, schema_generator=_Schema)
    return {"$schema": _Schema.schema_dialect, **found, "title": DEFAULT_FILE}


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    """The configuration from the file `path` (also s3://bucket/key and ssm:/name), else from the file that
    HUNTBRIDGE_CONFIG names, else from huntbridge.yaml in the current folder, else from the environment alone.
    Raises ConfigError."""
    name = path or environ.get("HUNTBRIDGE_CONFIG", "").strip()
    if not name and Path(DEFAULT_FILE).exists():
        name = DEFAULT_FILE
    if not name and Path(OTHER_FILE).exists() and not environ.get("PLATFORM_IP", "").strip():
        raise ConfigError([f"{OTHER_FILE}: {_OTHER_NAME}"])
    return _from_file(name, environ) if name else _from_environment(environ)


def is_local(name: str) -> bool:
    """Whether a configuration of this name is a file of this machine."""
    return not name.startswith(_IN_AWS)


def _from_file(name: str, environ: Mapping[str, str]) -> Config:
    try:
        document = read_yaml(_read(name, environ), name)
    except NotYaml as error:
        raise ConfigError([f"{name}:{error.line}: {error.text}"]) from None
    if not isinstance(document.data, dict):
        raise ConfigError(document.report([((), "the file must hold keys and values, such as platform: …")]))
    data = document.data
    destinations = data.get("destinations")
    if isinstance(destinations, dict) and len(destinations) == 1 and not data.keys() & {"routes", "default"}:
        data["default"] = list(destinations)
    known = _Known.of(data, Path(name).parent if is_local(name) else Path())
    return _checked(document, known, environ, [*_unfit_hunts(data), *_unrouted(data)])


def _read(name: str, environ: Mapping[str, str]) -> str:
    try:
        if not is_local(name):
            raw = _read_in_aws(name, environ)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except FileNotFoundError:
        reason = _not_there(name)
    except OSError as error:
        reason = f"the file cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        reason = "the file is not UTF-8 text"
    except ValueError:
        reason = "this is not the path of a file"
    else:
        if not text.strip():
            reason = "the file is empty: write at least platform: {url: …, api_key: …}"
        elif len(raw) <= _MAX_BYTES:
            return text
        else:
            reason = "the file is larger than 4 MiB"
    raise ConfigError([f"{name}: {reason}"])


def _not_there(name: str) -> str:
    if in_quotes(name):
        return f"the file's name {IN_QUOTES}"
    other = {".yaml": ".yml", ".yml": ".yaml"}.get(Path(name).suffix, Path(name).suffix)
    beside = Path(name).with_suffix(other)
    return "there is no such file" + (f"; did you mean {beside}?" if beside.exists() else "")


def _read_in_aws(name: str, environ: Mapping[str, str]) -> bytes:
    # Imported here: whoever has the configuration in a file need not load the AWS libraries.
    from shared.aws.clients import Clients
    from shared.aws.files import FileError, read_config

    try:
        return read_config(name, Clients(environ), limit=_MAX_BYTES)
    except FileError as error:
        raise ConfigError([f"{name}: {error}"]) from error


def _from_environment(environ: Mapping[str, str]) -> Config:
    document = read_environment(environ)
    known = _Known(
        Path(), accounts=None, destinations=None, extra_regions=tuple(document.data["extra_regions"])
    )
    targets, problems = _systems(environ, known)
    wrong: list[Problem] = in_quotation_marks(environ)
    if HUNT in document.data["hunts"] and not targets and not problems:
        wrong.append((("hunts", HUNT, "schedule"), "there is nothing to capture: set SYSTEM1 as well"))
    if not document.data["platform"].get("url"):
        raise ConfigError(document.report([(("platform", "url"), _TWO_WAYS)]))
    config = _checked(document, known, environ, wrong)
    hunts = {
        name: hunt.model_copy(update={"targets": tuple(targets), "problems": tuple(problems)})
        for name, hunt in config.hunts.items()
    }
    # There is no variable for an account: it goes by the name that the platform has for it.
    accounts = {t.account: AccountConfig(cado_account=t.account) for t in targets if t.account}
    return config.model_copy(update={"hunts": hunts, "accounts": accounts})


def _systems(environ: Mapping[str, str], known: _Known) -> tuple[list[TargetConfig], list[str]]:
    """SYSTEM1…n that can be captured, and in words what could not be used of them."""
    targets: dict[TargetConfig, str] = {}
    problems = []
    for name, found in read_systems(environ):
        if isinstance(found, str):
            problems.append(found)
            continue
        raw = {"instance" if key == "instanceid" else key: value for key, value in found.items()}
        try:
            target = TargetConfig.model_validate(raw, context=known)
        except ValidationError as error:
            wrong = explain(error, TargetConfig, EnvironmentDocument(raw, {}))
            texts = [f"{'instanceid' if path[-1] == 'instance' else path[-1]} {text}" for path, text in wrong]
            problems.append(f"{name}: {'; '.join(texts)}; {SYSTEM_FORM}")
            continue
        first = targets.setdefault(target, name)
        if first != name:
            problems.append(f"{name} names the same system as {first}: it is captured once")
    return list(targets), problems


def _checked(
    document: Document, known: _Known, environ: Mapping[str, str], problems: list[Problem]
) -> Config:
    """The document as a Config. Raises ConfigError with `problems` and all that is found here."""
    config = None
    try:
        config = Config.model_validate(document.data, context=known)
    except ValidationError as error:
        problems = explain(error, Config, document) + problems
    problems = [*problems, *_slack_ways(document), *_logins(document), *_nobodies(document.data)]
    problems = [*problems, *_webhooks(document.data, Secrets(environ))]
    lines = document.report(problems)
    if lines or config is None:
        raise ConfigError(lines)
    return config


def _destinations(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    found = data.get("destinations")
    for name, section in (found if isinstance(found, dict) else {}).items():
        if isinstance(section, dict):
            yield name, section


def _unfit_hunts(data: Mapping[str, Any]) -> Iterator[Problem]:
    hunts = data.get("hunts")
    for name, hunt in (hunts if isinstance(hunts, dict) else {}).items():
        if not isinstance(hunt, dict):
            continue
        here = ("hunts", name)
        if hunt.get("targets") == []:
            yield (*here, "targets"), "is empty: a hunt needs at least one system"
        for number, rule in _sections_of(hunt.get("exclude")):
            if not any(value not in ([], {}) for value in rule.values()):
                yield (*here, "exclude", number), "is empty: it would leave out every system"
        for number, target in _sections_of(hunt.get("targets")):
            if target.get("organizational_units") and not data.get("organization"):
                yield (*here, "targets", number, "organizational_units"), _NO_MEMBER_ROLE


def _sections_of(listed: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield number, one


_BUTTONS = ("signing_secret", "may_acknowledge")


def _slack_ways(document: Document) -> Iterator[Problem]:
    """A Slack channel is reached in exactly one way."""
    for name, section in _destinations(document.data):
        if section.get("type") != "slack":
            continue
        here = ("destinations", name)
        names = ("webhook_url", "token", "channel", "host", "signing_secret", "may_acknowledge")
        keys = {key: document.key((*here, key)) for key in names}
        given = {key for key in keys if section.get(key) is not None}
        if not given & {"webhook_url", "token"}:
            if section.keys() - SlackConfig.model_fields.keys():
                continue  # a key that is not known, and it is told what was meant
            absent = "token" if "channel" in given else "webhook_url"
            yield (*here, absent), f"{document.missing}: {_SLACK_WAYS.format_map(keys)}"
        elif given >= {"webhook_url", "token"}:
            yield here, f"two ways to Slack: {_SLACK_WAYS.format_map(keys)}, not both"
        elif "token" in given and "channel" not in given:
            text = f'{document.missing}: write the channel\'s id, or its name in quotes, "#soc"'
            yield (*here, "channel"), text
        elif "may_acknowledge" in given and not {"signing_secret", "webhook_url"} & given:
            text = f"goes with {keys['signing_secret']} alone: without it nobody can click Acknowledge"
            yield (*here, "may_acknowledge"), text
        elif "webhook_url" in given:
            for key in sorted(given - {"webhook_url"}):
                why = "buttons need an app" if key in _BUTTONS else _LEADS
                yield (*here, key), f"goes with {keys['token']} alone: {why}"


def _logins(document: Document) -> Iterator[Problem]:
    """Jira takes exactly one login."""
    for name, section in _destinations(document.data):
        if section.get("type") != "jira":
            continue
        here = ("destinations", name)
        keys = {key: document.key((*here, key)) for key in ("email", "api_token", "token")}
        given = {key for key in keys if section.get(key) is not None}
        if not given:
            yield here, f"no login: {_LOGINS.format_map(keys)}"
        elif "token" in given and len(given) > 1:
            yield here, f"two logins: {_LOGINS.format_map(keys)}, not both"
        elif given in ({"email"}, {"api_token"}):
            (absent,) = {"email", "api_token"} - given
            text = f"{document.missing}: Jira Cloud takes {keys['email']} and {keys['api_token']} together"
            yield (*here, absent), text


def _nobodies(data: Mapping[str, Any]) -> Iterator[Problem]:
    owners = data.get("owners")
    for name, section in (owners if isinstance(owners, dict) else {}).items():
        if section == {}:
            yield ("owners", name), f"names nobody: write {' or '.join(OwnerConfig.model_fields)}"


def _unrouted(data: Mapping[str, Any]) -> Iterator[Problem]:
    """An alarm that is taken by nothing is lost, and a lost alarm is worse than a loud start."""
    destinations, routes = data.get("destinations"), data.get("routes")
    if not isinstance(destinations, dict) or not destinations or data.get("default"):
        return
    if isinstance(routes, list) and any(_takes_all(route) for route in routes):
        return
    name = next(iter(destinations))
    where = "default" if "default" in data else "routes" if routes else "destinations"
    yield (where,), f"an alarm that no route takes would be lost; write for example default: {name}"


def _takes_all(route: Any) -> bool:
    if not isinstance(route, dict) or not route.get("to"):
        return False
    match = route.get("match", {})
    if not isinstance(match, dict):
        return False
    given = {key: _listed(value) for key, value in match.items() if value not in ([], {})}
    return all(key == "event" and isinstance(value, list) and "*" in value for key, value in given.items())


def _webhooks(data: Mapping[str, Any], secrets: Secrets) -> Iterator[Problem]:
    """Webhook URLs that can be had now are looked at now; those that cannot are reported where they are
    needed."""
    for name, section in _destinations(data):
        kind = section.get("type")
        if kind not in ("slack", "teams", "webhook"):
            continue
        key = "url" if kind == "webhook" else "webhook_url"
        try:
            ref = SecretRef.parse(section.get(key))
            if ref.in_aws:
                continue  # not for every start a call to AWS
            url = secrets.get(ref)
        except (ValueError, SecretError):
            continue
        if wrong := check_webhook_url(kind, url.reveal()):
            yield ("destinations", name, key), wrong
