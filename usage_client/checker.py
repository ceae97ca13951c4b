"""Asking the server whether a presented key is valid: in bounded time, and not at all while it is down."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict
from json import dumps
from random import random
from time import monotonic
from typing import Any, assert_never
from weakref import WeakKeyDictionary

import httpx

from usage_client.answer import OF_THE_BODY, OF_THE_KEY, PROBLEM
from usage_client.breaker import Breaker
from usage_client.known_keys import KnownKeys
from usage_client.presenter import Presenter
from usage_client.quiet_log import QuietLog
from usage_client.remote import KEPT_S
from usage_client.settings import Settings, may_go_by_proxy
from usage_client.verdict import UNAVAILABLE, UNKNOWN, Verdict, WhenDown, read_verdict

CHECK = "/v1/check"
LONGEST_SECRET = 512

_CONNECTIONS = 64
_CHECKS = "checks"
_JSON = {"content-type": "application/json"}


class Checker:
    """Thread-safe. `on_accepted` is told of the key of whom was let in without being asked for (or None)."""

    def __init__(
        self,
        settings: Settings,
        log: QuietLog,
        when_down: WhenDown,
        on_accepted: Callable[[str | None, Presenter], None],
    ) -> None:
        self._settings = settings
        self._log = log
        self._when_down = when_down
        self._on_accepted = on_accepted
        self._known = KnownKeys(monotonic, os.urandom)
        self._breaker = Breaker(monotonic, random)
        self._begin()

    def _begin(self) -> None:
        self._client: httpx.Client | None = None
        self._loops: WeakKeyDictionary[Any, httpx.AsyncClient] = WeakKeyDictionary()

    def forget(self) -> None:
        """Begin anew, as a process does that was forked: the connections are its parent's."""
        self._known.forget()
        self._breaker.forget()
        self._begin()

    @property
    def is_down(self) -> bool:
        return self._breaker.is_open

    def check(self, secret: str, presenter: Presenter) -> Verdict:
        """The verdict on a key; never raises."""
        if not _may_be_key(secret):
            return UNKNOWN
        verdict = None
        if self._breaker.lets_through():
            try:
                answer = self._open().post(self._url, content=self._body(secret, presenter), headers=_JSON)
                verdict = self._heard(answer)
            except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
                self._failed(type(error).__name__)
        return self._settled(secret, verdict, presenter)

    async def check_async(self, secret: str, presenter: Presenter) -> Verdict:
        """The same, in an event loop."""
        if not _may_be_key(secret):
            return UNKNOWN
        verdict = None
        if self._breaker.lets_through():
            try:
                async with asyncio.timeout(self._settings.limits.check_timeout):
                    body = self._body(secret, presenter)
                    answer = await self._open_async().post(self._url, content=body, headers=_JSON)
                verdict = self._heard(answer)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(type(error).__name__)
        return self._settled(secret, verdict, presenter)

    @property
    def _url(self) -> str:
        return f"{self._settings.server}{CHECK}"

    def _body(self, secret: str, presenter: Presenter) -> bytes:
        fields = {"secret": secret, "service": self._settings.service, **asdict(presenter)}
        return dumps({name: value for name, value in fields.items() if value}).encode()

    def _heard(self, answer: httpx.Response) -> Verdict | None:
        status = answer.status_code
        if status == httpx.codes.OK:
            verdict = read_verdict(answer.content)
            if verdict is not None:
                self._breaker.succeeded()
                self._log.over(_CHECKS, f"{self._settings.server} checks keys again")
                return verdict
        elif status in OF_THE_BODY and answer.headers.get("content-type", "").startswith(PROBLEM):
            # Whoever presents rubbish must not be able to open the breaker with it.
            return UNKNOWN
        self._failed(OF_THE_KEY.get(status) or f"the server answered {status}")
        return None

    def _failed(self, reason: str) -> None:
        self._breaker.failed()
        self._log.say(_CHECKS, f"keys cannot be checked now, so {self._policy}: {reason}")

    @property
    def _policy(self) -> str:
        match self._when_down:
            case "refuse":
                return "requests are refused"
            case "accept-known":
                return "keys that were valid within 15 minutes are accepted, others refused"
            case "accept":
                return "every key is accepted that is not known to be invalid"
            case _:
                assert_never(self._when_down)

    def _settled(self, secret: str, verdict: Verdict | None, presenter: Presenter) -> Verdict:
        if verdict is not None:
            if self._when_down != "refuse":
                self._known.remember(secret, verdict)
            return verdict
        known = None if self._when_down == "refuse" else self._known.recall(secret)
        if known is None:
            known = Verdict(valid=self._when_down == "accept", reason=UNAVAILABLE)
        if known.valid:
            self._on_accepted(known.key_id, presenter)
        return known.guessed()

    def _timeout(self) -> httpx.Timeout:
        """Shares of the whole, so that a thread waits no longer than that even if each is used up."""
        whole = self._settings.limits.check_timeout
        return httpx.Timeout(connect=whole * 0.25, pool=whole * 0.05, write=whole * 0.1, read=whole * 0.6)

    def _options(self) -> dict[str, Any]:
        return {
            "headers": {"authorization": f"Bearer {self._settings.api_key.reveal()}"},
            "timeout": self._timeout(),
            "limits": httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=KEPT_S,
            ),
            "follow_redirects": False,
            "trust_env": may_go_by_proxy(self._settings.server),
        }

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(**self._options())
        return self._client

    def _open_async(self) -> httpx.AsyncClient:
        """A connection belongs to the loop in which it was opened."""
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None:
            client = self._loops[loop] = httpx.AsyncClient(**self._options())
        return client

    async def close_async(self) -> None:
        """Close the connections of the running loop."""
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _may_be_key(secret: str) -> bool:
    return 0 < len(secret) <= LONGEST_SECRET and secret.isascii() and secret.isprintable()
