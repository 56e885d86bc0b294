"""Loads the configuration. Passes in what the loader needs: files kept in AWS, the names of the regions, and
this machine's secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.config.load import Loader
from shared.config.rules import wrong_webhook_urls
from shared.secrets import Secrets

if TYPE_CHECKING:
    from shared.aws.clients import Clients


def load(path: str | None, environ: Mapping[str, str], clients: Clients | None = None) -> Config:
    """Loads the configuration as `Loader.load` does. Also raises ConfigError if a webhook URL cannot work. A
    URL that is kept in AWS or cannot be read is not checked here. `clients` reads a configuration that is in
    AWS; without it, clients are made for that."""

    def read_in_aws(name: str, limit: int) -> bytes:
        # Imported here: with a configuration in a local file, the AWS libraries need not be loaded.
        from shared.aws.clients import Clients
        from shared.aws.files import FileError, read_config

        try:
            return read_config(name, clients or Clients(environ), limit=limit)
        except FileError as error:
            raise ConfigError([f"{name}: {error}"]) from error

    loaded = Loader(environ, read_in_aws, known_regions).load(path)
    if problems := list(wrong_webhook_urls(loaded.config, Secrets(environ))):
        raise ConfigError(loaded.document.report(problems))
    return loaded.config
