"""Loads the configuration from a file, from S3, from Parameter Store, or from the environment alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import (
    ValidationError,
)

from shared.config.accounts import AccountConfig
from shared.config.config import Config
from shared.config.environment import HUNT, SYSTEM_FORM, in_quotation_marks, read_environment, read_systems
from shared.config.errors import ConfigError, explain
from shared.config.rules import logins, nobodies, slack_ways, unfit_hunts, unrouted, webhooks
from shared.config.targets import TargetConfig
from shared.config.tokens import IN_QUOTES, in_quotes
from shared.config.types import Known
from shared.config.yaml import Document, EnvironmentDocument, NotYaml, Problem, read_yaml
from shared.secrets import Secrets

DEFAULT_FILE = "huntbridge.yaml"


OTHER_FILE = "huntbridge.yml"


_IN_AWS = ("s3://", "ssm:")


_MAX_BYTES = 4 * 1024 * 1024


_OTHER_NAME = f"is not read: rename it to {DEFAULT_FILE}, or name it with --config"


_TWO_WAYS = (
    "not set, and there is no huntbridge.yaml here: write one, or name one with HUNTBRIDGE_CONFIG, "
    "or set PLATFORM_IP and API_KEY in the environment"
)


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
    known = Known.of(data, Path(name).parent if is_local(name) else Path())
    return _checked(document, known, environ, [*unfit_hunts(data), *unrouted(data)])


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
    known = Known(
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


def _systems(environ: Mapping[str, str], known: Known) -> tuple[list[TargetConfig], list[str]]:
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


def _checked(document: Document, known: Known, environ: Mapping[str, str], problems: list[Problem]) -> Config:
    """The document as a Config. Raises ConfigError with `problems` and all that is found here."""
    config = None
    try:
        config = Config.model_validate(document.data, context=known)
    except ValidationError as error:
        problems = explain(error, Config, document) + problems
    problems = [*problems, *slack_ways(document), *logins(document), *nobodies(document.data)]
    problems = [*problems, *webhooks(document.data, Secrets(environ))]
    lines = document.report(problems)
    if lines or config is None:
        raise ConfigError(lines)
    return config
