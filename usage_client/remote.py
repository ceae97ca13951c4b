"""The server, as far as a client speaks to it: uses and heartbeats."""

import encodings.idna  # noqa: F401 - as httpx.Client below: what else would be imported in a thread
import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from json import dumps

import httpx

from usage_client.answer import Answer, Later, read_answer
from usage_client.moments import format_moment
from usage_client.secret import Secret
from usage_client.settings import may_go_by_proxy

USES = "/v1/uses"
HEARTBEATS = "/v1/heartbeats"

_COMPRESSED_FROM = 1024
_LEVEL = 1
# Shorter than servers keep one (uvicorn: 5 s), so that none is used in the moment in which it is closed.
KEPT_S = 3.0

_CONNECTIONS = 2


class Remote:
    """Speaks from one thread; connections are made when they are needed first."""

    def __init__(self, server: str, api_key: Secret, timeout_s: float, clock: Callable[[], int]) -> None:
        self._server = server
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._clock = clock
        # At once, as it imports modules: what a thread has half imported is broken in a child forked then.
        self._client: httpx.Client | None = self._new_client()

    def send_uses(self, lines: Sequence[bytes]) -> Answer:
        """Send a body of uses; whatever goes wrong on the way is an answer too."""
        body = b"\n".join([*lines, b""])
        headers = {"content-type": "application/x-ndjson"}
        if len(body) >= _COMPRESSED_FROM:
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers["content-encoding"] = "gzip"
        return self._post(USES, body, headers, len(lines))

    def send_heartbeat(self, reporter: str, start: int, end: int) -> Answer:
        """Declare that every use from one moment to another is delivered."""
        said = {"reporter": reporter, "from": format_moment(start), "to": format_moment(end)}
        return self._post(HEARTBEATS, dumps(said).encode(), {"content-type": "application/json"}, 0)

    def _post(self, path: str, body: bytes, headers: dict[str, str], lines: int) -> Answer:
        try:
            answer = self._open().post(f"{self._server}{path}", content=body, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            return Later(f"{self._server} cannot be reached: {type(error).__name__}")
        now = datetime.fromtimestamp(self._clock() / 1_000_000, UTC)
        return read_answer(answer.status_code, answer.headers, answer.content, lines, now)

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> httpx.Client:
        return httpx.Client(
            headers={"authorization": f"Bearer {self._api_key.reveal()}"},
            timeout=self._timeout_s,
            limits=httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=KEPT_S),
            follow_redirects=False,
            trust_env=may_go_by_proxy(self._server),
        )

    def forget(self) -> None:
        """Make connections anew, as a process must that was forked: the old ones are its parent's."""
        self._client = None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
