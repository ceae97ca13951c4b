"""How fast the server answers checks and takes uses, beside an empty endpoint and the ledger itself."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from http.client import HTTPConnection
from statistics import median, quantiles

from benchmarks.comparison import Comparison
from benchmarks.errors import NotMeasured
from benchmarks.pace import latencies
from benchmarks.pairing import Measured, paired, rate
from benchmarks.serving import CONNECTIONS, HOST, Request, empty_server, keyledger_server, wrk
from benchmarks.site import Site
from benchmarks.subject import Subject
from benchmarks.traffic import Traffic
from ledger.ids import format_id
from ledger.key_terms import NewKey
from ledger.moments import format_moment
from ledger.scopes import KEYS_CHECK, USES_APPEND
from ledger.usage import Use

LINES = 1_000
KEYS = 100
# As many bodies of one key are read at once.
REPORTING = 4
NDJSON = "application/x-ndjson"


def _check_request(subject: Subject) -> Request:
    def key(name: str, *scopes: str) -> str:
        new = NewKey(name, scopes=scopes)
        return subject.ledger.create_key(subject.organization, subject.actor, new).secret.reveal()

    said = {
        "secret": key("presented"),
        "service": "payments",
        "caller": "web-1",
        "source_ip": "192.0.2.7",
        "user_agent": "curl/8.5.0",
    }
    return Request(json.dumps(said), [("Authorization", f"Bearer {key('gateway', KEYS_CHECK)}")])


def _checks(*options: str, on_postgresql: bool = False) -> Callable[[Site], Measured]:
    def measure(site: Site) -> Measured:
        subject = site.ledger(on_postgresql=on_postgresql)
        request, scale = _check_request(subject), site.scale
        with ExitStack() as stack:
            empty = stack.enter_context(empty_server())
            ours = stack.enter_context(keyledger_server(subject.address, *options))
            before = subject.last_position()
            measured = paired(
                lambda _n: wrk(ours, "/v1/check", request, scale.load_s),
                lambda _n: wrk(empty, "/", Request("{}"), scale.load_s),
                scale.load_rounds,
            )
        answered = measured.ours * scale.load_s * scale.load_rounds
        if subject.last_position() - before < answered / 2:
            raise NotMeasured("not every check was recorded")
        return measured

    return measure


def _patience(site: Site) -> Measured:
    """The slowest hundredth against the middle, at half of the rate that was reached at most."""
    subject = site.ledger()
    request, scale = _check_request(subject), site.scale
    with keyledger_server(subject.address) as port:
        peak = wrk(port, "/v1/check", request, scale.load_s)
        shares, middles = [], []
        for _ in range(scale.load_rounds):
            took = latencies(port, request.raw("/v1/check"), CONNECTIONS, peak / 2, scale.load_s)
            hundredths = quantiles(took, n=100)
            shares.append(hundredths[98] / hundredths[49])
            middles.append(hundredths[49])
    note = f"at {peak / 2:,.0f} checks/s, p50 {median(middles) * 1000:.1f} ms"
    return Measured(ours=median(shares), rounds=scale.load_rounds, note=note)


def _uses(clients: int, *options: str) -> Callable[[Site], Measured]:
    """Both record into ledgers of their own, as many uses of as many keys."""

    def measure(site: Site) -> Measured:
        over_http, in_process = site.ledger(), site.ledger()
        batches = site.scale.batches
        reporter = over_http.ledger.create_key(
            over_http.organization, over_http.actor, NewKey("reporter", scopes=(USES_APPEND,))
        )
        told, recorded = (Traffic(_keys(subject)) for subject in (over_http, in_process))
        headers = {"Authorization": f"Bearer {reporter.secret.reveal()}", "Content-Type": NDJSON}
        with keyledger_server(over_http.address, *options) as port:

            def send(number: int) -> float:
                bodies = [_body(told.uses(n * LINES, LINES)) for n in _numbers(number, batches)]
                return rate(len(bodies) * LINES, partial(_send, port, headers, bodies, clients))

            def record(number: int) -> float:
                uses = recorded.uses(number * batches * LINES, batches * LINES)
                return rate(len(uses), partial(in_process.record, uses))

            return paired(send, record, site.scale.rounds)

    return measure


def _numbers(number: int, batches: int) -> range:
    return range(number * batches, (number + 1) * batches)


def _keys(subject: Subject) -> list[bytes]:
    return [
        subject.ledger.create_key(subject.organization, subject.actor, NewKey(f"key-{n}")).id
        for n in range(KEYS)
    ]


def _send(port: int, headers: dict[str, str], bodies: Sequence[bytes], clients: int) -> None:
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(partial(_send_each, port, headers), [bodies[n::clients] for n in range(clients)]))


def _send_each(port: int, headers: dict[str, str], bodies: Sequence[bytes]) -> None:
    with closing(HTTPConnection(HOST, port, timeout=60)) as connection:
        for body in bodies:
            connection.request("POST", "/v1/uses", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            if answer.status != 200 or told["stored"] != LINES:  # noqa: PLR2004 - HTTP's own
                raise NotMeasured(f"a body was not stored: {told}")


def _body(uses: Sequence[Use]) -> bytes:
    return b"".join(
        json.dumps(
            {
                "key": format_id(use.key),  # type: ignore[arg-type]
                "service": use.service,
                "occurred_at": format_moment(use.occurred_at),
                "id": use.given_id,
                "caller": use.caller,
                "reporter": use.reporter,
                "source_ip": use.source_ip,
            }
        ).encode()
        + b"\n"
        for use in uses
    )


_EMPTY = "an empty FastAPI endpoint on the same server, wrk beside it"

COMPARISONS = (
    Comparison(
        "http-check",
        "SQLite: POST /v1/check over HTTP, each recorded durably before its answer, 16 connections",
        _EMPTY,
        0.3,
        "requests/s",
        _checks(),
    ),
    Comparison(
        "postgresql-http-check",
        "PostgreSQL: POST /v1/check over HTTP, each recorded durably before its answer, 16 connections",
        _EMPTY,
        0.3,
        "requests/s",
        _checks(on_postgresql=True),
        on_postgresql=True,
    ),
    Comparison(
        "http-check-after",
        "SQLite: POST /v1/check over HTTP, recorded after the answer (`--record-after`), 16 connections",
        _EMPTY,
        0.3,
        "requests/s",
        _checks("--record-after"),
    ),
    Comparison(
        "http-check-patience",
        "SQLite: p99 of POST /v1/check in times of its p50, at half of the peak rate",
        "",
        5,
        "times",
        _patience,
    ),
    Comparison(
        "http-uses",
        "SQLite: POST /v1/uses over HTTP, bodies of 1,000 lines, one client",
        "Ledger.record_uses in process, the same uses",
        0.5,
        "uses/s",
        _uses(1),
    ),
    Comparison(
        "http-uses-workers",
        "SQLite: POST /v1/uses over HTTP, bodies of 1,000 lines, 2 processes of the server, 4 clients",
        "Ledger.record_uses in one process, the same uses",
        0.5,
        "uses/s",
        _uses(REPORTING, "--workers", "2"),
    ),
)
