"""Only the owner can read the files in the data directory, whatever the umask is."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

import pytest

from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.data_directory import address, announce, sole_server
from shared.storage.ports import StoreError

ENVIRON = {"PLATFORM_IP": "https://cado.example", "API_KEY": "k"}


@pytest.fixture
def data(tmp_path):
    """As systemd's StateDirectory= makes it."""
    before = os.umask(0o022)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    yield folder
    os.umask(before)


def modes(data):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}


def served(data):
    made = runtime.local(load(None, ENVIRON), data, ENVIRON)
    made.events.put(b"{}")
    with sole_server(data):
        announce(data, "http://127.0.0.1:8080")
        return modes(data)


def test_files_in_an_open_directory_are_closed_to_others(data):
    modes_of_files = served(data)
    database = {"huntbridge.db", "huntbridge.db-wal", "huntbridge.db-shm"}
    assert set(modes_of_files) == database | {"serve.lock", "serve.url"}
    assert set(modes_of_files.values()) == {0o600}


def test_files_that_were_open_to_others_are_closed(data):
    served(data)
    for path in data.iterdir():
        path.chmod(0o644)
    assert set(served(data).values()) == {0o600}


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_in_a_sentence(data, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    said = r"cannot be locked \(.+\).*put the data directory on a local disk"
    with pytest.raises(StoreError, match=said), sole_server(data):
        pass


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://*:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://bücher.example:8080", "http://bücher.example:8080"),
    ],
)
def test_where_serve_answers_is_written_down_as_it_is_asked_from_here(data, url, asked):
    announce(data, url)
    assert address(data) == asked


def test_an_address_that_cannot_be_written_stops_no_serve(data, caplog):
    (data / "serve.url").mkdir()
    announce(data, "http://127.0.0.1:8080")
    assert "the file with the server's address cannot be written" in caplog.text
    assert '/serve.url error="Is a directory"' in caplog.text
