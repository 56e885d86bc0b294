"""`huntbridge --version`, for people and for programs."""

import json
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.local.layout import FORMAT


def test_the_version_for_people():
    assert CliRunner().invoke(main, ["--version"]).output == f"huntbridge, version {version('huntbridge')}\n"


@pytest.mark.parametrize("options", [["--version", "--json"], ["--json", "--version"]])
def test_the_version_for_programs(options):
    result = CliRunner().invoke(main, options)

    assert result.exit_code == 0
    facts = json.loads(result.output)
    assert facts["version"] == version("huntbridge")
    assert facts["database_format"] == FORMAT
    assert set(facts) == {"version", "python", "system", "machine", "database_format"}


def test_json_before_a_command_is_refused():
    result = CliRunner().invoke(main, ["--json", "hunt", "list"])

    assert result.exit_code == 2
    assert "write --json behind the command" in result.output
