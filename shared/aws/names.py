"""The variables that template.yaml sets for the functions, and a text that is recognised by its words.

A module of its own, so that a command on one machine can ask for them without loading the AWS libraries.
"""

from __future__ import annotations

TABLE, WEBHOOK_TOKENS = "HUNTBRIDGE_TABLE", "HUNTBRIDGE_WEBHOOK_TOKENS"
SLACK_SIGNING_SECRETS = "HUNTBRIDGE_SLACK_SIGNING_SECRETS"
NO_CREDENTIALS = "no AWS credentials on this machine"
