"""The secrets that a process on one machine can read."""

from __future__ import annotations

from collections.abc import Mapping

from shared.secrets import Secrets, SecretsInAws


def local_secrets(environ: Mapping[str, str]) -> Secrets:
    """The secrets of this machine, and those in AWS that its credentials may read."""

    def connect() -> SecretsInAws:
        # Imported here: without a reference into AWS, the AWS libraries need not be loaded.
        from shared.aws.clients import Clients
        from shared.aws.secrets import AwsSecrets

        return AwsSecrets(Clients(environ))

    return Secrets(environ, connect)
