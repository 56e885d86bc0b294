"""Webhook URLs that are accepted, and those that are refused with what to do instead."""

import pytest

from shared.config.webhook_urls import check_webhook_url

TEAMS = (
    "https://default0123456789abcdef0123456789abcd.ef.environment.api.powerplatform.com:443/powerautomate/"
    "automations/direct/workflows/0123/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers&sig=SECRET"
)
NOT_TEAMS = "the host is not that of a Workflows webhook; in Teams open"
CONNECTOR = "this is the URL of an Office 365 connector, and Microsoft switched connectors off in May 2026; "
SLACK = "https://hooks.slack.com/services/T0/B0/SECRET"


@pytest.mark.parametrize(
    ("type", "url"),
    [
        ("slack", SLACK),
        ("slack", "https://hooks.slack.com:443/services/T0/B0/x"),
        ("slack", "https://hooks.slack-gov.com/services/T0/B0/x"),
        ("slack", "http://127.0.0.1:8080/anything?at=all"),
        ("teams", TEAMS),
        ("teams", TEAMS.replace("default0123456789abcdef0123456789abcd.ef.", "e1.")),
        ("teams", "https://prod-01.westeurope.logic.azure.com:443/workflows/0/triggers?sig=SECRET"),
        ("teams", "https://prod-01.usgovvirginia.logic.azure.us/workflows/0/triggers?sig=SECRET"),
        ("teams", "https://a.environment.api.gov.powerplatform.microsoft.us/x?sig=SECRET"),
        ("teams", "http://localhost:8080/hook"),
        ("teams", "http://[::1]:8080/hook"),
        ("webhook", "https://siem.corp.example:8088/in?token=SECRET"),
        ("webhook", "https://10.0.0.7/in"),
        ("webhook", "http://127.0.0.1:8080/in"),
    ],
)
def test_webhook_urls_that_are_sound(type, url):
    assert check_webhook_url(type, url) is None


@pytest.mark.parametrize(
    ("type", "url", "wrong"),
    [
        ("slack", "http://hooks.slack.com/services/T/B/SECRET", "the webhook URL must be https"),
        ("slack", "https://hooks.slack.com:8443/services/T/B/SECRET", "the webhook URL must have no port,"),
        ("slack", "https://u:SECRET@hooks.slack.com/s", "the webhook URL must not hold a user name"),
        ("slack", "https://hooks.slack.com.evil.example/services/T/B/SECRET", "the host is not Slack's;"),
        ("slack", "https://evilhooks.slack.com/services/T/B/SECRET", "the host is not Slack's;"),
        ("slack", "https://hooks.slack.com/triggers/SECRET", "the path is not that of an incoming webhook;"),
        ("slack", "https://hooks.slack.com/services/", "the path is not that of an incoming webhook;"),
        ("slack", "SECRET", "the webhook URL must begin with https://"),
        ("slack", "https://[SECRET", "the webhook URL is not a URL"),
        ("slack", TEAMS, "this is the URL of a Teams webhook; write type: teams"),
        ("slack", "https://a.webhook.office.com/SECRET", CONNECTOR + "write type: teams,"),
        ("teams", SLACK, "this is the URL of a Slack webhook; write type: slack"),
        ("teams", TEAMS.replace("&", "&amp;"), "the webhook URL was copied from a page's source: write &"),
        ("teams", TEAMS.partition("sig=")[0], "the webhook URL has no sig=…"),
        ("teams", TEAMS.partition("sig=")[0] + "sig=", "the webhook URL has no sig=…"),
        ("teams", TEAMS.partition("?")[0], "the webhook URL has no sig=…"),
        ("teams", f"'{TEAMS}'", "the webhook URL is in quotation marks"),
        ("teams", "https://logic.azure.com/SECRET", NOT_TEAMS),
        ("teams", "https://evil-logic.azure.com/SECRET", NOT_TEAMS),
        ("teams", "https://logic.azure.com.evil.example/SECRET", NOT_TEAMS),
        ("teams", "https://environment.api.powerplatform.com.evil.example/SECRET", NOT_TEAMS),
        ("teams", "http://a.environment.api.powerplatform.com/SECRET", "the webhook URL must be https"),
        ("teams", "https://acme.webhook.office.com/webhookb2/SECRET", CONNECTOR + "in Teams open"),
        ("teams", "https://outlook.office.com/webhook/SECRET", CONNECTOR + "in Teams open"),
        ("teams", "https://OUTLOOK.OFFICE.COM/webhook/SECRET", CONNECTOR + "in Teams open"),
        ("webhook", "http://10.0.0.7/SECRET", "the webhook URL must be https"),
        ("webhook", "https://169.254.169.254/SECRET", "the webhook URL leads to the metadata"),
        ("webhook", "https://[fe80::1]/SECRET", "the webhook URL leads to a link-local"),
    ],
)  # fmt: skip
def test_webhook_urls_that_are_refused(type, url, wrong):
    said = check_webhook_url(type, url)
    assert said is not None
    assert said.startswith(wrong)
    assert "SECRET" not in said
