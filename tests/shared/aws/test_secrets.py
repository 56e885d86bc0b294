"""Secrets in AWS: where they are found, how long they are kept, and what cannot be had."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ConnectTimeoutError, CredentialRetrievalError, NoCredentialsError
from botocore.stub import Stubber

from shared.aws.clients import Clients
from shared.aws.secrets import AwsSecrets
from shared.hosting.local_secrets import local_secrets
from shared.secrets import SecretError, SecretRef, Secrets

ROOT = Path(__file__).resolve().parents[3]
VALUE = "xoxb-the-value-itself"


class Vault:
    """A secret and a parameter of one test, and huntbridge's way to them."""

    def __init__(self, clients: Clients) -> None:
        self.clients, self.time = clients, 1_000.0
        self.name = f"huntbridge/{uuid.uuid4()}"
        self.secrets = Secrets({}, lambda: AwsSecrets(clients, lambda: self.time))

    def holds(self, text: str | None = None, region: str | None = None, **secret: object) -> str:
        """The ARN of a new secret."""
        text = json.dumps(secret) if text is None else text
        made = self.clients.call(
            "secretsmanager", "create_secret", region=region, Name=self.name, SecretString=text
        )
        arn: str = made["ARN"]
        return arn

    def rotate(self, **secret: object) -> None:
        self.clients.call(
            "secretsmanager", "put_secret_value", SecretId=self.name, SecretString=json.dumps(secret)
        )

    def get(self, ref: str) -> str:
        return self.secrets.get(SecretRef.parse(ref)).reveal()

    def refusal(self, ref: str) -> str:
        with pytest.raises(SecretError) as caught:
            self.get(ref)
        # Nothing is attached that a log of the whole chain could show.
        assert VALUE not in "".join(traceback.format_exception(caught.value))
        said = str(caught.value)
        assert said.startswith(f"{ref}: ")
        return said.removeprefix(f"{ref}: ")


@pytest.fixture
def vault(clients) -> Vault:
    return Vault(clients)


def test_a_secret_is_where_the_reference_says(vault):
    arn = vault.holds(key=VALUE, other=" with spaces \n")
    assert vault.get(f"aws-secretsmanager:{vault.name}#key") == VALUE
    assert vault.get(f"aws-secretsmanager:{vault.name}#other") == "with spaces"
    assert vault.get(f"aws-secretsmanager:{arn}#key") == VALUE
    assert json.loads(vault.get(f"aws-secretsmanager:{vault.name}"))["key"] == VALUE


def test_an_arn_is_asked_in_its_own_region(vault):
    arn = vault.holds(f"{VALUE}\n", region="us-east-2")
    assert vault.get(f"aws-secretsmanager:{arn}") == VALUE
    assert vault.refusal(f"aws-secretsmanager:{vault.name}") == "there is no such secret in AWS"


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_parameter(vault, kind):
    vault.clients.call("ssm", "put_parameter", Name=f"/{vault.name}", Value=f" {VALUE}\n", Type=kind)
    assert vault.get(f"aws-ssm:/{vault.name}") == VALUE


def test_two_keys_of_a_secret_are_one_call(vault, asked):
    vault.holds(current=VALUE, previous="old")
    asked.clear()
    assert vault.get(f"aws-secretsmanager:{vault.name}#current") == VALUE
    assert vault.get(f"aws-secretsmanager:{vault.name}#previous") == "old"
    assert len(asked) == 1


def test_a_rotated_secret_is_picked_up_after_five_minutes(vault):
    vault.holds(key="old")
    ref = f"aws-secretsmanager:{vault.name}#key"
    assert vault.get(ref) == "old"
    vault.rotate(key="new")
    vault.time += 299
    assert vault.get(ref) == "old"
    vault.time += 1
    assert vault.get(ref) == "new"


def test_a_secret_that_was_refused_is_read_again_at_once(vault):
    vault.holds(key="old", other="same")
    ref, other = (SecretRef.parse(f"aws-secretsmanager:{vault.name}#{key}") for key in ("key", "other"))
    vault.secrets.refresh(ref)  # also one that was never read
    assert vault.get(ref) == "old"
    vault.rotate(key="new", other="new as well")
    vault.secrets.refresh(other)
    assert vault.get(ref) == "new"


def throttled(vault: Vault, times: int = 1) -> Stubber:
    stub = Stubber(vault.clients.get("secretsmanager"))
    for _ in range(times):
        stub.add_client_error("get_secret_value", "ThrottlingException", http_status_code=400)
    return stub


def test_while_aws_cannot_be_asked_the_old_value_is_good_for_an_hour(vault):
    vault.holds(key=VALUE)
    ref = f"aws-secretsmanager:{vault.name}#key"
    vault.get(ref)
    vault.time += 300
    with throttled(vault) as stub:
        assert vault.get(ref) == VALUE
        stub.assert_no_pending_responses()
        vault.time += 29
        assert vault.get(ref) == VALUE  # without asking again
    vault.time += 1
    vault.rotate(key="new")
    assert vault.get(ref) == "new"
    vault.time += 3_600
    with throttled(vault):
        assert vault.refusal(ref) == "Secrets Manager is throttling requests"


@pytest.mark.parametrize(
    "error",
    [
        CredentialRetrievalError(provider="iam-role", error_msg="the metadata service did not answer"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
        NoCredentialsError(),
        ConnectTimeoutError(endpoint_url="http://169.254.169.254"),
    ],
)
def test_while_credentials_cannot_be_renewed_the_old_value_is_good_for_an_hour(vault, monkeypatch, error):
    vault.holds(key=VALUE)
    ref = f"aws-secretsmanager:{vault.name}#key"
    vault.get(ref)
    vault.time += 300

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("botocore.signers.RequestSigner.sign", refuse)
    assert vault.get(ref) == VALUE
    vault.time += 3_299
    assert vault.get(ref) == VALUE
    vault.time += 1
    assert "credentials" in vault.refusal(ref) or "did not answer" in vault.refusal(ref)


def test_while_the_credentials_have_expired_the_old_value_is_good(vault):
    vault.holds(key=VALUE)
    ref = f"aws-secretsmanager:{vault.name}#key"
    vault.get(ref)
    vault.time += 300
    stub = Stubber(vault.clients.get("secretsmanager"))
    stub.add_client_error("get_secret_value", "ExpiredTokenException", http_status_code=400)
    with stub:
        assert vault.get(ref) == VALUE


def test_a_secret_that_may_no_longer_be_read_is_no_longer_used(vault):
    vault.holds(key=VALUE)
    ref = f"aws-secretsmanager:{vault.name}#key"
    vault.get(ref)
    vault.time += 300
    stub = Stubber(vault.clients.get("secretsmanager"))
    stub.add_client_error("get_secret_value", "AccessDeniedException", http_status_code=400)
    with stub:
        assert "access denied" in vault.refusal(ref)


def test_the_old_value_of_a_refused_secret_is_no_good(vault):
    vault.holds(key=VALUE)
    ref = SecretRef.parse(f"aws-secretsmanager:{vault.name}#key")
    vault.get(ref)
    vault.secrets.refresh(ref)
    with throttled(vault):
        assert vault.refusal(ref) == "Secrets Manager is throttling requests"


def test_a_secret_that_was_taken_away_is_no_longer_used(vault):
    vault.holds(key=VALUE)
    ref = f"aws-secretsmanager:{vault.name}#key"
    vault.get(ref)
    vault.clients.call(
        "secretsmanager", "delete_secret", SecretId=vault.name, ForceDeleteWithoutRecovery=True
    )
    vault.time += 300
    assert vault.refusal(ref) == "there is no such secret in AWS"


def test_what_is_not_there(vault):
    assert vault.refusal(f"aws-secretsmanager:{vault.name}#key") == "there is no such secret in AWS"
    assert vault.refusal(f"aws-ssm:/{vault.name}") == "there is no such secret in AWS"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps({"other": VALUE}), "the secret has no key key"),
        (json.dumps({"key": [VALUE]}), "the key key of the secret is not text"),
        (json.dumps({"key": None, "other": VALUE}), "the key key of the secret is not text"),
        (json.dumps({"key": " "}), "the secret is empty"),
        (json.dumps({"key": f"{VALUE}\nX-Other: header"}),
         "the secret holds a line break or another control character"),
        (VALUE, "the secret is not JSON, so there is no key in it"),
        (f'{{"key": "{VALUE}', "the secret is not JSON, so there is no key in it"),
        ("[" * 60_000, "the secret is not JSON, so there is no key in it"),
        (json.dumps([VALUE]), "the secret is not a JSON object, so there is no key in it"),
        (json.dumps(VALUE), "the secret is not a JSON object, so there is no key in it"),
    ],
)  # fmt: skip
def test_what_is_there_and_is_no_good(vault, content, said):
    vault.holds(content)
    assert vault.refusal(f"aws-secretsmanager:{vault.name}#key") == said


def test_a_binary_secret(vault):
    vault.clients.call("secretsmanager", "create_secret", Name=vault.name, SecretBinary=VALUE.encode())
    ref = f"aws-secretsmanager:{vault.name}"
    assert vault.refusal(ref) == "the secret is binary, and text is needed"


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("AccessDeniedException", "", "access denied by {}: the role needs {}"),
        (
            "AccessDeniedException",
            "Access to KMS is not allowed",
            "access denied by {}: the role needs {} and the use of its KMS key",
        ),
        ("ThrottlingException", "", "{} is throttling requests"),
        ("DecryptionFailure", "", "{} refused (DecryptionFailure)"),
    ],
)
@pytest.mark.parametrize(
    ("ref", "service", "operation", "who", "action"),
    [
        (
            "aws-secretsmanager:huntbridge/slack#soc",
            "secretsmanager",
            "get_secret_value",
            "Secrets Manager",
            "secretsmanager:GetSecretValue",
        ),
        ("aws-ssm:/huntbridge/slack", "ssm", "get_parameter", "Parameter Store", "ssm:GetParameter"),
    ],
)
def test_what_aws_refuses_in_words(vault, ref, service, operation, who, action, code, message, said):
    with Stubber(vault.clients.get(service)) as stub:
        stub.add_client_error(operation, code, message)
        assert vault.refusal(ref) == said.format(who, action)


def test_the_first_reference_into_aws_is_enough(vault, endpoint, monkeypatch):
    vault.holds(key=VALUE)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    secrets = local_secrets({"AWS_REGION": "eu-west-1"})
    assert secrets.get(SecretRef.parse(f"aws-secretsmanager:{vault.name}#key")).reveal() == VALUE


def test_without_a_reference_into_aws_its_libraries_are_not_loaded():
    code = (
        "import sys; from shared.secrets import Secrets, SecretRef;"
        "secrets = Secrets({'A': 'a'}); secrets.get(SecretRef('env:A')); secrets.refresh(SecretRef('env:A'));"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)


def test_when_a_secret_was_last_changed(vault, tmp_path):
    before = datetime.now(UTC) - timedelta(minutes=1)
    ref = SecretRef.parse(f"aws-secretsmanager:{vault.name}#bot")
    vault.holds(bot=VALUE)
    vault.clients.call("ssm", "put_parameter", Name=f"/{vault.name}", Value=VALUE, Type="SecureString")
    file = tmp_path / "token"
    file.write_text(VALUE)
    for text in (ref, f"aws-ssm:/{vault.name}", f"file:{file}"):
        changed_at = vault.secrets.changed_at(SecretRef.parse(text))
        assert changed_at is not None
        assert before < changed_at < datetime.now(UTC) + timedelta(minutes=1)
    assert vault.secrets.changed_at(SecretRef.parse("env:TOKEN")) is None
    with pytest.raises(SecretError):
        vault.secrets.changed_at(SecretRef.parse(f"aws-ssm:/{vault.name}/other"))
