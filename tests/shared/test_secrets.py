"""Secrets: found where the reference says, and never shown on any way out."""

import copy
import json
import pickle
import socket
import traceback
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.secrets import Secret, SecretError, SecretRef, Secrets

VALUE = "xoxb-the-value-itself"


def _get(reference: str, **environ: str) -> Secret:
    return Secrets(environ).get(SecretRef.parse(reference))


def _refusal(reference: str, **environ: str) -> str:
    with pytest.raises(SecretError) as caught:
        _get(reference, **environ)
    # Nothing stays attached that a log of the whole chain could show.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    "shown",
    [
        lambda s: repr(s),
        lambda s: str(s),
        lambda s: f"{s} {s!r} {[s]} { ({'k': s}) }",
        lambda s: "%s %r" % (s, s),  # noqa: UP031 - this way too
        lambda s: "{}".format(s),  # noqa: UP032 - this way too
        lambda s: ascii(s),
    ],
)
def test_a_secret_prints_as_a_mark(shown):
    text = shown(Secret(VALUE))
    assert VALUE not in text
    assert "<secret>" in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_pickled(protocol):
    with pytest.raises(TypeError) as caught:
        pickle.dumps({"key": Secret(VALUE)}, protocol)
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize("way", [json.dumps, copy.copy, copy.deepcopy, vars, lambda s: f"{s:>20}"])
def test_a_secret_goes_no_other_way_out(way):
    with pytest.raises(TypeError) as caught:
        way(Secret(VALUE))
    assert VALUE not in str(caught.value)


def test_a_traceback_with_locals_shows_no_secret():
    def fails(secret: Secret) -> None:
        raise RuntimeError(f"cannot use {secret}")

    try:
        fails(_get("env:KEY", KEY=VALUE))
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = <secret>" in shown
    assert f"KEY='{VALUE}'" not in shown


def test_the_value_is_where_the_reference_says(tmp_path: Path):
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbf  of-a-file\r\n")
    assert _get("env:KEY", KEY=" of-the-environment\n").reveal() == "of-the-environment"
    assert _get(f"file:{file}").reveal() == "of-a-file"


def test_a_file_that_was_rotated_is_read_again(tmp_path: Path):
    file = tmp_path / "key"
    ref, secrets = SecretRef.parse(f"file:{file}"), Secrets({})
    file.write_text("old")
    assert secrets.get(ref).reveal() == "old"
    file.write_text("new")
    assert secrets.get(ref).reveal() == "new"


def test_what_cannot_be_had_in_the_environment():
    assert _refusal("env:KEY") == "env:KEY: the environment variable KEY is not set"
    assert _refusal("env:KEY", KEY=" \n") == "env:KEY: the environment variable KEY is empty"
    assert (
        _refusal("env:KEY", KEY=f"{VALUE}\nX-Other: header")
        == "env:KEY: the environment variable KEY holds a line break or another control character"
    )


def test_what_cannot_be_had_in_a_file(tmp_path: Path):
    there = tmp_path / "there"

    def refusal(content: bytes) -> str:
        there.write_bytes(content)
        return _refusal(f"file:{there}").removeprefix(f"file:{there}: ")

    assert refusal(b" \n") == "the file is empty"
    assert refusal(b"two\nlines") == "the file holds a line break or another control character"
    assert refusal(b"caf\xe9 " + VALUE.encode()) == "the file cannot be read (it is not UTF-8 text)"
    assert refusal(b"x" * 65_537) == "the file cannot be read (it is larger than 64 KiB)"
    assert _refusal(f"file:{tmp_path}") == f"file:{tmp_path}: the file cannot be read (Is a directory)"
    assert _refusal(f"file:{there}/below").endswith("the file cannot be read (Not a directory)")
    assert _refusal(f"file:{there}-not").endswith("the file cannot be read (No such file or directory)")


def test_a_file_that_may_not_be_opened(tmp_path: Path):
    # A socket is refused to everyone, root included; a file without permissions only to the others.
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert _refusal(f"file:{path}").endswith("the file cannot be read (No such device or address)")


@pytest.mark.parametrize(
    "text",
    [
        VALUE, "", "env:", "file:", "env:two words", f"env:{VALUE}", "file:relative", "file:~/key",
        "file:/a\nb", "file:/a\0b", "ENV:KEY", "aws-ssm:name", "aws-ssm:/two words", "aws-ssm:/name#key",
        "aws-secretsmanager:", "aws-secretsmanager:name#", "aws-secretsmanager:https://a.example/hook",
        "env:" + "A" * 101, None, 7, b"env:KEY", ["env:KEY"],
    ],
)  # fmt: skip
def test_what_is_no_reference_is_not_repeated(text):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(SecretRef).validate_python(text)
    (error,) = caught.value.errors(include_input=False)
    assert error["msg"] == (
        "Value error, a secret is written as a reference, "
        "env:NAME, file:/path, aws-secretsmanager:name#key or aws-ssm:/name; "
        "put the value there and the reference here"
    )


def test_a_reference_that_was_never_checked_is_not_repeated():
    with pytest.raises(SecretError) as caught:
        Secrets({}).get(SecretRef(VALUE))
    assert VALUE not in str(caught.value)
