"""The configuration as far as `huntbridge init` knows it, with the values of its secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.request import getproxies

from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.config.load import Loader
from shared.config.rules import wrong_webhook_urls
from shared.config.yaml import Path as KeyPath
from shared.config.yaml import Problem
from shared.hosting import runtime
from shared.hosting.local_secrets import local_secrets
from shared.hosting.runtime import Runtime
from shared.http.client import Http
from shared.secrets import Secret, SecretRef, Secrets


@dataclass
class _Unwritten:
    """The content of a file that does not exist yet, so that its lines have no numbers."""

    data: Any
    missing: str = "missing"

    def key(self, path: KeyPath) -> str:
        return str(path[-1])

    def report(self, problems: list[Problem]) -> list[str]:
        return [f"{'.'.join(map(str, path))}: {text}" for path, text in problems]


@dataclass
class Draft:
    folder: Path  # of the configuration
    data: dict[str, Any] = field(default_factory=dict)  # the sections
    values: dict[str, str] = field(default_factory=dict, repr=False)  # secrets, by the names of variables
    notes: dict[KeyPath, str] = field(default_factory=dict)  # comments, by the path of a value

    @property
    def environ(self) -> Mapping[str, str]:
        return os.environ | self.values

    def config(self) -> Config:
        """The sections that are known so far. Raises ConfigError."""
        document = _Unwritten(self.data)
        config = Loader(self.environ, _nothing_in_aws, known_regions).validate(document, self.folder).config
        if problems := list(wrong_webhook_urls(config, Secrets(self.environ))):
            raise ConfigError(document.report(problems))
        return config

    def runtime(self) -> Runtime:
        """A runtime without data, to try what is known so far. Raises ConfigError."""
        return runtime.reading(self.config(), None, self.environ)

    def http(self) -> Http:
        """A client for a peer that needs no section of its own yet."""
        return Http(proxies=getproxies())

    def keep(self, ref: SecretRef) -> None:
        """Takes the value of a variable from the environment, so that it is written into the file."""
        name = ref.removeprefix("env:")
        if name != ref and name not in self.values and (value := os.environ.get(name, "").strip()):
            self.values[name] = value

    def reveal(self, ref: SecretRef) -> Secret:
        """Raises SecretError."""
        return local_secrets(self.environ).get(ref)


def _nothing_in_aws(name: str, limit: int) -> NoReturn:
    raise ConfigError([f"{name}: a file in AWS is not read here"])
