"""Warnings about configurations that can be used and do not do what was meant."""

from __future__ import annotations

from shared.config.warnings import file_warnings
from tests.shared.config.loading import TWO, warnings_of


def test_a_destination_to_which_nothing_goes(tmp_path):
    unused = "destinations.ir: no alarm goes there: neither a route that can be reached nor default names it"
    assert warnings_of(tmp_path, TWO + "default: soc\n") == [unused]
    found = warnings_of(tmp_path, TWO + "default: soc\nroutes:\n  - {to: soc}\n  - {to: ir}\n")
    assert found[0] == unused  # what names it is never reached
    for use in (
        "delivery: {fallback: ir}",
        "reminders: {to: ir}",
        "escalate: [{after: 30m, to: ir}]",
        "routes: [{to: ir}]",
    ):
        assert warnings_of(tmp_path, f"{TWO}default: soc\n{use}\n") == []


def test_a_link_that_is_too_long_for_where_it_would_be_shown(tmp_path):
    def links(length, *types):
        kinds = {
            "slack": "{type: slack, webhook_url: env:A}",
            "teams": "{type: teams, webhook_url: env:A}",
            "jira": "{type: jira, url: https://j.example, token: env:A, project: SEC}",
        }
        url = "https://wiki.example/".ljust(length, "a")
        there = "".join(f"  {type}: {kinds[type]}\n" for type in types)
        settings = f"message: {{links: [{{text: Runbook, url: '{url}'}}]}}\ndestinations:\n{there}"
        return warnings_of(tmp_path, f"{settings}default: [{', '.join(types)}]\n")

    assert links(2_000, "slack", "teams", "jira") == []
    assert links(3_000, "slack") == []
    assert links(2_001, "slack", "teams", "jira") == [
        "message.links[0].url: the link has 2,001 characters, and no message of type jira or teams shows one "
        "of more than 2,000"
    ]
    assert links(3_001, "slack") == [
        "message.links[0].url: the link has 3,001 characters, and no message of type slack shows one of more "
        "than 3,000"
    ]


def test_the_rest(tmp_path):
    text = """\
webhook: {tokens: [env:T, env:T]}
accounts:
  a: {id: '111122223333'}
  b: {id: '111122223333', role: arn:aws:iam::444455556666:role/x}
destinations: {jira: {type: jira, url: https://j.example, token: env:A, project: Security Operations}}
owners: {shop: {slack: U0123456789, jira: shop}}
follow: {stall_after: 100, give_up_after: 100, recover_after: 600000, recover_for: 600}
"""
    assert warnings_of(tmp_path, text) == [
        "webhook.tokens: env:T is listed twice",
        "accounts.b.id: is that of accounts.a as well",
        "accounts.b.role: belongs to the account 444455556666, and id says 111122223333",
        "destinations.jira.project: 'Security Operations' does not look like a key, such as SEC",
        "owners.shop.slack: mentions nobody: there is no destination of type slack",
        "follow.stall_after: is never reached: give_up_after comes first",
        "follow.recover_after: is never reached: recover_for ends first",
    ]


def test_what_lies_beside_the_configuration_and_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"PLATFORM_IP": "cado.example", "SYSTEM2": "{}", "API_KEY": "k"}
    assert file_warnings(None, environ) == []
    (tmp_path / "huntbridge.yml").write_text("")
    (alone,) = file_warnings(None, environ)
    assert str(alone).startswith("huntbridge.yml: is not read")
    assert "the environment alone is used" in str(alone)
    (tmp_path / "huntbridge.yaml").write_text("")
    assert [one.where for one in file_warnings(None, environ)] == ["huntbridge.yml", "PLATFORM_IP", "SYSTEM2"]
    assert file_warnings("other.yaml", environ) == []
    assert file_warnings(None, environ | {"HUNTBRIDGE_CONFIG": "other.yaml"}) == []


def test_a_mute_that_is_over(tmp_path):
    def mutes(until):
        mute = f"{{match: {{instance: web-1}}, at: 2020-01-01, until: {until}, by: Ada, why: a drill}}"
        return warnings_of(tmp_path, f"{TWO}default: [soc, ir]\nmutes: [{mute}]\n")

    assert mutes("2020-01-02") == ["mutes[0].until: was 2020-01-02 00:00 UTC: the mute is over, so remove it"]


def test_a_coverage_that_leaves_out_most_of_the_organization(tmp_path):
    section = 'organization: {role: "arn:aws:iam::{account_id}:role/read"}\n'
    text = f"{TWO}default: [soc, ir]\n{section}coverage: "
    (found,) = warnings_of(tmp_path, f"{text}{{}}\n")
    assert found.startswith(
        "coverage.organizational_units: without it, no more of the organization is looked"
    )
    assert warnings_of(tmp_path, f"{text}{{organizational_units: r-ab12}}\n") == []
