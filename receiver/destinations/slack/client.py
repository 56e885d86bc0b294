"""Calls Slack: slack-sdk makes each request, and huntbridge's HTTP client sends it.

By itself slack-sdk follows redirects, repeats requests, reads answers without a limit of size or time, and
logs the URL of a webhook, which is a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import Request

from slack_sdk.web import SlackResponse, WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse

from receiver.destinations.mask import Mask
from receiver.destinations.slack.errors import SlackAnswer, classify_api
from shared.http.answers import Answer
from shared.http.client import Http

TIMEOUT = 20.0  # seconds for the whole answer


class SlackApi:
    """Slack's Web API, by a bot token. Each call raises NetworkError if there was no answer."""

    def __init__(
        self, token: str, base_url: str, http: Http, timeout: float, clock: Callable[[], float]
    ) -> None:
        self._client = SdkWebClient(token, base_url, http, timeout)
        self._mask, self._clock = Mask(token), clock

    def post(self, channel: str, body: Mapping[str, Any], **more: Any) -> SlackAnswer:
        return self._call(self._client.chat_postMessage, channel=channel, **body, **more)

    def edit(self, channel: str, ts: str, body: Mapping[str, Any]) -> SlackAnswer:
        shown = {key: body[key] for key in ("text", "blocks") if key in body}
        return self._call(self._client.chat_update, channel=channel, ts=ts, **shown)

    def post_ephemeral(self, channel: str, user: str, body: Mapping[str, Any]) -> SlackAnswer:
        return self._call(self._client.chat_postEphemeral, channel=channel, user=user, **body)

    def open_dialog(self, trigger: str, view: Mapping[str, Any]) -> SlackAnswer:
        return self._call(self._client.views_open, trigger_id=trigger, view=dict(view))

    def channels(self, **arguments: Any) -> SlackAnswer:
        return self._call(self._client.conversations_list, **arguments)

    def channel(self, id: str) -> SlackAnswer:
        return self._call(self._client.conversations_info, channel=id)

    def myself(self) -> SlackAnswer:
        return self._call(self._client.auth_test)

    def _call(self, method: Callable[..., SlackResponse], **arguments: Any) -> SlackAnswer:
        answer: Answer = method(**arguments).headers["answer"]
        return classify_api(answer, now=self._clock(), mask=self._mask)


class SdkWebClient(WebClient):
    """slack-sdk's client of the Web API, with the sending replaced."""

    def __init__(self, token: str, base_url: str, http: Http, timeout: float) -> None:
        super().__init__(token, base_url, retry_handlers=[], logger=_silent_logger())
        self._http, self._seconds = http, timeout

    def __repr__(self) -> str:
        return "<slack-sdk client>"

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """slack-sdk raises if it cannot decode an answer. So it gets a success without content, with Slack's
        own answer beside it."""
        answer = _send(self._http, url, req, self._seconds)
        return {"status": 200, "headers": {"answer": answer}, "body": b"-"}


class SdkWebhookClient(WebhookClient):
    """slack-sdk's client of an incoming webhook, with the sending replaced."""

    def __init__(self, url: str, http: Http, timeout: float) -> None:
        super().__init__(url, retry_handlers=[], logger=_silent_logger())
        self._http, self._seconds = http, timeout

    def __repr__(self) -> str:
        return "<slack-sdk client>"

    def post(self, body: Mapping[str, Any]) -> Answer:
        """Raises NetworkError."""
        response = self.send_dict(dict(body))
        return Answer(response.status_code, response.headers, response.body.encode())

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = _send(self._http, url, req, self._seconds)
        return WebhookResponse(
            url=url, status_code=answer.status, body=answer.text, headers=dict(answer.headers)
        )


def _silent_logger() -> logging.Logger:
    """A logger outside of the logger hierarchy, so that no configuration makes it write."""
    return logging.Logger("slack-sdk", level=logging.CRITICAL + 1)


def _send(http: Http, url: str, request: Request, timeout: float) -> Answer:
    body = request.data
    return http.request(
        request.get_method(),
        url,
        headers=dict(request.header_items()),
        data=body if isinstance(body, bytes) else None,
        read_timeout=timeout,
    )
