"""Loads the configuration from a file, from AWS, or from the environment alone.

The whole document is read and checked, and every mistake is reported with its line and what to write instead.
The loader reads no secret and does not call AWS itself: its caller passes in `read_in_aws`, and `regions`,
which knows the names of the regions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.config.accounts import AccountConfig
from shared.config.config import SECRET_KEYS, Config
from shared.config.environment import HUNT, SYSTEM_FORM, in_quotation_marks, read_environment, read_systems
from shared.config.errors import ConfigError
from shared.config.explain import explain
from shared.config.hunt_rules import wrong_starts
from shared.config.kind_rules import wrong_kinds
from shared.config.rules import unrouted_alarms
from shared.config.targets import TargetConfig
from shared.config.tokens import IN_QUOTES, in_quotes
from shared.config.types import Context, as_list
from shared.config.yaml import Document, EnvironmentDocument, NotYaml, Problem, read_yaml

DEFAULT_FILE = "huntbridge.yaml"
OTHER_FILE = "huntbridge.yml"
_IN_AWS = ("s3://", "ssm:")
_MAX_BYTES = 4 * 1024 * 1024
_NO_CONFIGURATION = (
    "not set, and there is no huntbridge.yaml here: write one, or name one with HUNTBRIDGE_CONFIG, "
    "or set PLATFORM_IP and API_KEY in the environment"
)


@dataclass(frozen=True)
class Loaded:
    """A configuration, and the document that it was read from, which turns problems into error messages."""

    config: Config
    document: Document


@dataclass(frozen=True)
class Loader:
    """Finds, reads and checks the configuration."""

    environ: Mapping[str, str]
    # Reads s3://bucket/key or ssm:/name. Returns at most `limit` + 1 bytes: more than `limit` means that the
    # file is too large. Raises ConfigError.
    read_in_aws: Callable[[str, int], bytes]
    regions: Callable[[], Collection[str]]  # the names of all AWS regions

    def load(self, path: str | None) -> Loaded:
        """Loads the file `path` (also s3://bucket/key or ssm:/name). Without `path`, loads the file that
        HUNTBRIDGE_CONFIG names, or else huntbridge.yaml in the working directory, or else the environment
        alone. Raises ConfigError."""
        if name := file_of(path, self.environ):
            return self._load_file(name)
        if Path(OTHER_FILE).exists() and not self.environ.get("PLATFORM_IP", "").strip():
            hint = f"is not read: rename it to {DEFAULT_FILE}, or name it with --config"
            raise ConfigError([f"{OTHER_FILE}: {hint}"])
        return self._load_environment()

    def _load_file(self, name: str) -> Loaded:
        try:
            document = read_yaml(self._read(name), name, SECRET_KEYS)
        except NotYaml as error:
            raise ConfigError([f"{name}:{error.line}: {error.text}"]) from None
        if not isinstance(document.data, dict):
            text = "the file must hold keys and values, such as platform: …"
            raise ConfigError(document.report([((), text)]))
        return self.validate(document, Path(name).parent if is_local(name) else Path())

    def validate(self, document: Document, folder: Path) -> Loaded:
        """Checks a document that holds keys and values. `folder`: where its relative paths start. Raises
        ConfigError."""
        return _validated(document, _context(document.data, folder, self.regions))

    def _read(self, name: str) -> str:
        try:
            if is_local(name):
                with Path(name).open("rb") as file:
                    raw = file.read(_MAX_BYTES + 1)
            else:
                raw = self.read_in_aws(name, _MAX_BYTES)
            text = raw.decode("utf-8-sig")
        except FileNotFoundError:
            reason = _why_not_found(name)
        except OSError as error:
            reason = f"the file cannot be read ({error.strerror})"
        except UnicodeDecodeError:
            reason = "the file is not UTF-8 text"
        except ValueError:
            reason = "this is not the path of a file"
        else:
            if len(raw) > _MAX_BYTES:
                reason = "the file is larger than 4 MiB"
            elif not text.strip():
                reason = "the file is empty: write at least platform: {url: …, api_key: …}"
            else:
                return text
        raise ConfigError([f"{name}: {reason}"])

    def _load_environment(self) -> Loaded:
        document = read_environment(self.environ)
        extra_regions = document.data["extra_regions"]
        context = Context(Path(), self.regions, extra_regions=extra_regions, needs_targets=False)
        targets, unusable = self._systems(context)
        problems: list[Problem] = in_quotation_marks(self.environ)
        if HUNT in document.data["hunts"] and not targets and not unusable:
            text = "there is nothing to capture: set SYSTEM1 as well"
            problems.append((("hunts", HUNT, "schedule"), text))
        if not document.data["platform"].get("url"):
            raise ConfigError(document.report([(("platform", "url"), _NO_CONFIGURATION)]))
        config = _validated(document, context, problems).config
        hunts = {
            name: hunt.model_copy(update={"targets": tuple(targets), "problems": tuple(unusable)})
            for name, hunt in config.hunts.items()
        }
        # No variable defines an account, so a system names its account as the platform does.
        accounts = {
            target.account: AccountConfig(cado_account=target.account) for target in targets if target.account
        }
        return Loaded(config.model_copy(update={"hunts": hunts, "accounts": accounts}), document)

    def _systems(self, context: Context) -> tuple[list[TargetConfig], list[str]]:
        """The targets that the variables SYSTEM1…n describe, and what is wrong with the other variables."""
        targets: dict[TargetConfig, str] = {}
        problems = []
        for name, system in read_systems(self.environ):
            if isinstance(system, str):
                problems.append(system)
                continue
            data = {"instance" if key == "instanceid" else key: value for key, value in system.items()}
            try:
                target = TargetConfig.model_validate(data, context=context)
            except ValidationError as error:
                wrong = explain(error, TargetConfig, EnvironmentDocument(data, {}))
                texts = [
                    f"{'instanceid' if path[-1] == 'instance' else path[-1]} {text}" for path, text in wrong
                ]
                problems.append(f"{name}: {'; '.join(texts)}; {SYSTEM_FORM}")
                continue
            first = targets.setdefault(target, name)
            if first != name:
                problems.append(f"{name} names the same system as {first}: it is captured once")
        return list(targets), problems


def file_of(path: str | None, environ: Mapping[str, str]) -> str:
    """The name of the configuration file, given in one of three ways; empty if there is none."""
    name = path or environ.get("HUNTBRIDGE_CONFIG", "").strip()
    return DEFAULT_FILE if not name and Path(DEFAULT_FILE).exists() else name


def is_local(name: str) -> bool:
    """Whether a configuration of this name is a file on this machine."""
    return not name.startswith(_IN_AWS)


def _why_not_found(name: str) -> str:
    if in_quotes(name):
        return f"the file's name {IN_QUOTES}"
    other_suffix = {".yaml": ".yml", ".yml": ".yaml"}.get(Path(name).suffix, Path(name).suffix)
    similar = Path(name).with_suffix(other_suffix)
    return "there is no such file" + (f"; did you mean {similar}?" if similar.exists() else "")


def _context(data: Mapping[str, Any], folder: Path, regions: Callable[[], Collection[str]]) -> Context:
    def keys(section: str) -> tuple[str, ...] | None:
        value = data.get(section, {})
        return tuple(value) if isinstance(value, dict) else None

    extra_regions = as_list(data.get("extra_regions"))
    return Context(
        folder,
        regions,
        extra_regions=tuple(extra_regions) if isinstance(extra_regions, list) else (),
        accounts=keys("accounts"),
        destinations=keys("destinations"),
        has_organization=bool(data.get("organization")),
    )


def _validated(document: Document, context: Context, problems: Iterable[Problem] = ()) -> Loaded:
    """The document as a configuration. Raises ConfigError with `problems` and all others that are found."""
    config = None
    try:
        config = _with_default(Config.model_validate(document.data, context=context))
        problems = [*problems, *wrong_kinds(config), *wrong_starts(config), *unrouted_alarms(config)]
    except ValidationError as error:
        problems = [*explain(error, Config, document), *problems]
    lines = document.report(list(problems))
    if lines or config is None:
        raise ConfigError(lines)
    return Loaded(config, document)


def _with_default(config: Config) -> Config:
    """The only destination gets every alarm if the configuration does not say where alarms go."""
    if len(config.destinations) != 1 or config.model_fields_set & {"routes", "default"}:
        return config
    return config.model_copy(update={"default": tuple(config.destinations)})
