import gzip
import json
import resource
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from time import sleep
from typing import Any

import httpx
import pytest

from http_api.packed import MAX_MEMBERS
from http_api.settings import Limits, ServerSettings
from ledger import postgresql_server, sqlite
from ledger.database import open_database
from ledger.ids import format_id
from ledger.key_terms import CreatedKey, KeyChanges
from ledger.moments import format_moment
from tests.http_api.served import Served, served
from tests.office import HOUR, MINUTE, START, Office

USES = "/v1/uses"
NDJSON = "application/x-ndjson"
JSON = "application/json"


@pytest.fixture
def reporter(api: Served) -> CreatedKey:
    return api.key("uses:append", name="gateway")


def uses(key: CreatedKey | str, count: int, start: int = 0) -> list[dict[str, Any]]:
    reference = key if isinstance(key, str) else format_id(key.id)
    return [
        {
            "key": reference,
            "service": "payments",
            "occurred_at": format_moment(START - HOUR + n),
            "id": f"use-{n}",
        }
        for n in range(start, start + count)
    ]


def ndjson(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def append(
    api: Served,
    by: CreatedKey,
    content: bytes | Iterator[bytes],
    kind: str = NDJSON,
    coding: str | None = None,
) -> httpx.Response:
    headers = {"Content-Type": kind} | ({} if coding is None else {"Content-Encoding": coding})
    return api("POST", USES, by, content=content, headers=headers)


def counts(told: httpx.Response) -> tuple[int, int, int, int]:
    assert told.status_code == 200, told.text
    document = told.json()
    assert document["schema"] == "keyledger.intake/1"
    return document["read"], document["stored"], document["duplicates"], document["refused"]


def test_where_the_ledger_is_lost_on_the_way_nobody_is_told_that_nothing_was_stored(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for waiting in (sqlite, postgresql_server):
        monkeypatch.setattr(waiting, "LOCK_TIMEOUT_S", 1)
    with ExitStack() as others, served(office) as api:
        reporter, key = api.key("uses:append", name="gateway"), api.key()

        def body() -> Iterator[bytes]:
            yield ndjson(uses(key, 1000))
            while not (told := office.records().get(key.id)) or told.use_count != 1000:
                sleep(0.01)
            other = others.enter_context(closing(open_database(office.address)))
            others.enter_context(other.write())
            yield ndjson(uses(key, 1000, 1000))

        told = append(api, reporter, body())

        assert told.status_code == 503
        assert "may be there or not" in told.json()["detail"]
        others.close()
        assert counts(append(api, reporter, ndjson(uses(key, 2000)))) == (2000, 1000, 1000, 0)


@pytest.mark.parametrize("loses", ["its life", "its scope"])
def test_a_body_ends_where_its_key_does(api: Served, reporter: CreatedKey, loses: str) -> None:
    office, key = api.office, api.key()

    def body() -> Iterator[bytes]:
        yield ndjson(uses(key, 1000))
        while not (told := office.records().get(key.id)) or told.use_count != 1000:
            sleep(0.01)
        credential = office.ledger.find_key(office.org, "gateway")
        if loses == "its life":
            office.ledger.revoke_key(office.org, office.ada, credential)
        else:
            office.ledger.change_key(office.org, office.ada, credential, KeyChanges(scopes=()))
        yield ndjson(uses(key, 1000, 1000))

    told = append(api, reporter, body())

    assert told.status_code == (401 if loses == "its life" else 403)
    assert office.records()[key.id].use_count == 1000


@pytest.mark.parametrize("form", ["ndjson", "array", "ndjson-gzip", "array-gzip", "no-last-newline"])
def test_uses_are_on_disk_when_the_answer_comes_whatever_their_form(
    api: Served, reporter: CreatedKey, form: str
) -> None:
    key = api.key(name="billing")
    said = uses(key, 2500)
    body = json.dumps(said).encode() if form.startswith("array") else ndjson(said)
    if form == "no-last-newline":
        body = body.rstrip()
    packed = form.endswith("gzip")

    told = append(
        api,
        reporter,
        gzip.compress(body) if packed else body,
        JSON if form.startswith("array") else NDJSON,
        "gzip" if packed else None,
    )

    assert counts(told) == (2500, 2500, 0, 0)
    record = api.office.records()[key.id]
    assert record.use_count == 2500


def test_a_body_may_be_sent_again_and_counts_once(api: Served, reporter: CreatedKey) -> None:
    body = ndjson(uses(api.key(), 1200))

    assert counts(append(api, reporter, body)) == (1200, 1200, 0, 0)
    assert counts(append(api, reporter, body)) == (1200, 0, 1200, 0)


def test_what_is_refused_is_told_with_line_and_reason_and_the_rest_is_kept(
    api: Served, reporter: CreatedKey
) -> None:
    key = api.key(name="billing")
    body = b"\n".join(
        [
            *ndjson(uses(key, 2)).splitlines(),
            b"nonsense",
            b"",
            *ndjson(uses("nobody", 1)).splitlines(),
            b"x" * 200_000,
            *ndjson(uses("billing", 1, start=5)).splitlines(),
            *ndjson(uses("590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55", 1)).splitlines(),
        ]
    )

    told = append(api, reporter, body)

    assert counts(told) == (7, 3, 0, 4)
    assert [each["line"] for each in told.json()["refusals"]] == [3, 5, 6, 8]
    assert "longer" in told.json()["refusals"][2]["reason"]


def test_of_many_refusals_the_first_are_told_and_all_are_counted(api: Served, reporter: CreatedKey) -> None:
    told = append(api, reporter, b"nonsense\n" * 5000)

    assert counts(told) == (5000, 0, 0, 5000)
    assert len(told.json()["refusals"]) == 100


def test_a_key_of_another_organization_is_as_unknown_as_any(api: Served, reporter: CreatedKey) -> None:
    from tests.http_api.test_check import theirs  # noqa: PLC0415 - one helper

    foreign = theirs(api.office)

    for reference in (format_id(foreign.id), "theirs"):
        told = append(api, reporter, ndjson(uses(reference, 1)))
        assert counts(told) == (1, 0, 0, 1)
        assert "unknown key" in told.json()["refusals"][0]["reason"]


@pytest.mark.parametrize(
    "scopes", [(), ("keys:check",), ("keys:manage",)], ids=lambda scopes: " ".join(scopes) or "none"
)
def test_it_needs_the_scope(api: Served, scopes: tuple[str, ...]) -> None:
    assert append(api, api.key(*scopes), b"").status_code == 403


class TestFaults:
    BODIES: dict[str, tuple[int, bytes, str, str | None]] = {  # noqa: RUF012 - nothing changes it
        "kind": (415, b"", "text/csv", None),
        "coding": (415, b"", NDJSON, "br"),
        "no-gzip": (400, b"{}\n", NDJSON, "gzip"),
        "cut-gzip": (400, gzip.compress(b"{}\n" * 10_000)[:-12], NDJSON, "gzip"),
        "empty-gzip": (400, b"", NDJSON, "gzip"),
        "damaged-gzip": (400, gzip.compress(b"abc" * 999)[:-8] + b"\0" * 8, NDJSON, "gzip"),
        "no-array": (400, b"{}", JSON, None),
        "cut-array": (400, b'[{"key": "a"', JSON, None),
        "nested": (400, b"[" * 100_000, JSON, None),
        "array-of-very-many": (413, b"[" + b"0," * (1 << 20) + b"0]", JSON, None),
        "large-array": (413, b"[" + b" " * (5 << 20) + b"]", JSON, None),
    }

    @pytest.mark.parametrize("name", BODIES)
    def test_a_body_that_cannot_be_read_is_a_problem(
        self, api: Served, reporter: CreatedKey, name: str
    ) -> None:
        status, body, kind, coding = self.BODIES[name]

        told = append(api, reporter, body, kind, coding)

        assert told.status_code == status
        assert told.headers["content-type"] == "application/problem+json"

    def test_a_bomb_is_refused_in_bounded_memory(self, api: Served, reporter: CreatedKey) -> None:
        append(api, reporter, ndjson(uses(api.key(), 1)))
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(512)) + packer.flush()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        told = append(api, reporter, bomb, NDJSON, "gzip")

        assert told.status_code == 413
        # 512 MiB are in it; all that is read of it is 64, in parts.
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 48 * 1024

    @pytest.mark.parametrize(("members", "status"), [(MAX_MEMBERS, 200), (MAX_MEMBERS + 1, 413)])
    def test_a_body_is_packed_in_a_thousand_parts_at_most(
        self, api: Served, reporter: CreatedKey, members: int, status: int
    ) -> None:
        lines = [gzip.compress(ndjson([use])) for use in uses(api.key(), 2)]

        told = append(api, reporter, b"".join(lines) + gzip.compress(b"") * (members - 2), NDJSON, "gzip")

        assert told.status_code == status

    def test_a_body_that_is_said_to_be_too_large_is_not_read(self, api: Served, reporter: CreatedKey) -> None:
        with suppress(httpx.WriteError):
            told = append(api, reporter, b"\n" * (17 << 20))
            assert told.status_code == 413

    def test_one_that_does_not_say_so_is_read_no_further_than_the_limit(
        self, api: Served, reporter: CreatedKey
    ) -> None:
        told = append(api, reporter, (b"\n" * (1 << 20) for _ in range(17)))

        assert told.status_code == 413

    def test_what_came_before_a_fault_may_be_stored_and_the_body_sent_again(
        self, api: Served, reporter: CreatedKey
    ) -> None:
        key = api.key()
        whole = gzip.compress(ndjson(uses(key, 3000)))

        assert append(api, reporter, whole[:-20], NDJSON, "gzip").status_code == 400
        told = append(api, reporter, whole, NDJSON, "gzip")

        read, stored, duplicates, refused = counts(told)
        assert (read, stored + duplicates, refused) == (3000, 3000, 0)
        assert api.office.records()[key.id].use_count == 3000


def test_more_bodies_at_once_than_a_key_may_have_are_put_off(office: Office) -> None:
    settings = ServerSettings(office.address, limits=Limits(uses_of_key=0))
    with served(office, settings) as api:
        told = append(api, api.key("uses:append"), b"")

    assert (told.status_code, told.headers["retry-after"]) == (429, "1")


def test_more_bodies_at_once_than_a_server_bears_are_put_off(office: Office) -> None:
    settings = ServerSettings(office.address, limits=Limits(uses_at_once=0))
    with served(office, settings) as api:
        told = append(api, api.key("uses:append"), b"")

    assert (told.status_code, told.headers["retry-after"]) == (503, "1")


class TestHeartbeats:
    def test_a_period_is_declared_once(self, api: Served, reporter: CreatedKey) -> None:
        body = {
            "reporter": "gateway",
            "from": format_moment(START - MINUTE),
            "to": format_moment(START),
        }

        told = [api("POST", "/v1/heartbeats", reporter, body=body) for _ in range(2)]

        assert [(each.status_code, each.json()["stored"]) for each in told] == [(200, True), (200, False)]

    @pytest.mark.parametrize(
        "change",
        [{"to": "yesterday"}, {"to": "2020-01-01T00:00:00Z"}, {"reporter": ""}, {"more": 1}],
        ids=str,
    )
    def test_a_period_that_cannot_be_is_refused(
        self, api: Served, reporter: CreatedKey, change: dict[str, object]
    ) -> None:
        body = {"reporter": "gateway", "from": format_moment(START - MINUTE), "to": format_moment(START)}

        assert api("POST", "/v1/heartbeats", reporter, body=body | change).status_code == 422


class TestMetrics:
    def test_the_figures_count_what_was_answered(self, api: Served, reporter: CreatedKey) -> None:
        append(api, reporter, ndjson(uses(api.key(), 3)))
        api("GET", "/v1/authorize", api.key())

        told = api("GET", "/metrics")

        assert told.status_code == 200
        figures = dict(line.rsplit(" ", 1) for line in told.text.splitlines() if not line.startswith("#"))
        assert float(figures['keyledger_uses_total{outcome="stored"}']) >= 3
        assert float(figures['keyledger_checks_total{verdict="valid"}']) >= 1
        assert float(figures['keyledger_http_answers_total{route="/v1/uses",status="200"}']) >= 1
