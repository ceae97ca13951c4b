"""The server is killed, or its database is, under load: what was acknowledged is stored once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from ledger.ids import format_id
from ledger.key_terms import CreatedKey, NewKey
from ledger.moments import format_moment
from ledger.scopes import KEYS_CHECK, USES_APPEND
from tests.faults.desk import Desk, desk_at, found, real_time
from tests.faults.http_server import HttpClient, HttpServer, Unanswered, http_server
from tests.faults.recount import Recount, recount
from tests.faults.scale import Scale
from tests.faults.server import own_server
from tests.faults.worker import PATIENCE_S

SIZE = 120
NDJSON = "application/x-ndjson"
# What an answer may be that is none: the ledger is out of reach, or there is too much to do.
PUT_OFF = {503}
LONGEST_WAIT_S = 75


class Sender(Thread):
    """Sends bodies of uses, each until it is acknowledged, as a client with a spool does."""

    def __init__(
        self, server: HttpServer, name: str, reporter: CreatedKey, key: CreatedKey, stop: Event
    ) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.put_off = 0
        self.longest_s = 0.0
        self.failure: object = None
        self._client = HttpClient(server.port, reporter)
        self._called = name
        self._key = format_id(key.id)
        self._stopped = stop

    def run(self) -> None:
        try:
            self._work()
        finally:
            self._client.close()

    def _work(self) -> None:
        for number in count():
            part = f"{self._called}/{number}"
            body = self._body(part)
            while not self._send(body):
                sleep(0.02)
            if self.failure is not None:
                return
            self.acknowledged.append(part)
            if self._stopped.is_set():
                return

    def _send(self, body: bytes) -> bool:
        begun = monotonic()
        try:
            told = self._client.ask("POST", "/v1/uses", body, NDJSON)
        except Unanswered:
            return False
        self.longest_s = max(self.longest_s, monotonic() - begun)
        if told.status in PUT_OFF:
            self.put_off += 1
            return False
        if told.status != 200 or told.document["stored"] + told.document["duplicates"] != SIZE:
            self.failure = told
        return True

    def _body(self, part: str) -> bytes:
        at = format_moment(real_time())
        lines = [
            {
                "key": self._key,
                "service": "payments",
                "occurred_at": at,
                "id": f"{part}/{number}",
                "user_agent": part,
            }
            for number in range(SIZE)
        ]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


class Checker(Thread):
    """Checks a key of its own; counts what was acknowledged, and what nobody knows."""

    def __init__(self, server: HttpServer, gateway: CreatedKey, key: CreatedKey, stop: Event) -> None:
        super().__init__(daemon=True)
        self.key = key
        self.told: Counter[str] = Counter()
        self.failure: object = None
        self._client = HttpClient(server.port, gateway)
        self._stopped = stop

    def run(self) -> None:
        try:
            self._work()
        finally:
            self._client.close()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                told = self._client.check(self.key.secret)
            except Unanswered:
                self.told["unanswered"] += 1
                sleep(0.02)
                continue
            if told.status in PUT_OFF:
                self.told["put off"] += 1
                sleep(0.02)
            elif told.status == 200 and told.document["valid"]:
                self.told["acknowledged"] += 1
            else:
                self.failure = told
                return


class Load:
    """Senders and checkers of one server."""

    def __init__(self, desk: Desk, server: HttpServer) -> None:
        self.stop = Event()
        caller = _key(desk, "caller", KEYS_CHECK, USES_APPEND)
        used = _key(desk, "used")
        self.senders = [Sender(server, f"sender-{n}", caller, used, self.stop) for n in range(3)]
        self.checkers = [Checker(server, caller, _key(desk, f"door-{n}"), self.stop) for n in range(3)]
        for thread in (*self.senders, *self.checkers):
            thread.start()

    def progress(self) -> list[int]:
        return [
            *(len(sender.acknowledged) for sender in self.senders),
            *(checker.told["acknowledged"] for checker in self.checkers),
        ]

    def await_progress(self) -> None:
        """Wait until everybody was answered once more."""
        before, end = self.progress(), monotonic() + PATIENCE_S
        while any(now <= then for now, then in zip(self.progress(), before, strict=True)):
            self.assert_well()
            assert monotonic() < end, "nobody is answered any more"
            sleep(0.01)

    def assert_well(self) -> None:
        failures = [*(each.failure for each in self.senders), *(each.failure for each in self.checkers)]
        assert [failure for failure in failures if failure is not None] == []

    def finish(self) -> None:
        self.stop.set()
        for thread in (*self.senders, *self.checkers):
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        self.assert_well()

    def assert_stored_once(self, counted: Recount) -> None:
        for sender in self.senders:
            for part in sender.acknowledged:
                assert counted.parts[part] == SIZE, f"{part}: {counted.parts[part]} of {SIZE}"
        for checker in self.checkers:
            stored, told = counted.checks[checker.key.id], checker.told
            unknown = told["unanswered"] + told["put off"]
            assert told["acknowledged"] <= stored <= told["acknowledged"] + unknown


@contextmanager
def load_on(address: str, server: HttpServer) -> Iterator[Load]:
    with desk_at(address) as desk:
        load = Load(desk, server)
        try:
            yield load
        finally:
            load.stop.set()
            for thread in (*load.senders, *load.checkers):
                thread.join(PATIENCE_S)


def test_a_server_killed_under_load_has_stored_each_acknowledged_use_once(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    dice = Random(1)
    with http_server(address) as server, load_on(address, server) as load:
        for _ in range(scale.http_kills):
            load.await_progress()
            sleep(dice.uniform(0, 0.3))
            server.kill()
            server.start()
        load.await_progress()
        load.finish()
        assert server.close() == 0
    counted = recount(address)

    load.assert_stored_once(counted)
    sent = sum(len(sender.acknowledged) for sender in load.senders) * SIZE
    assert sum(uses for part, uses in counted.parts.items() if part and part.startswith("sender")) == sent
    note(
        kills=scale.http_kills,
        uses_acknowledged=sent,
        checks=sum((checker.told for checker in load.checkers), Counter()),
    )


def test_a_database_that_restarts_under_load_fails_requests_clearly_and_they_recover_by_themselves(
    scale: Scale, note: Callable[..., None]
) -> None:
    with own_server() as database:
        found(database.address)
        with http_server(database.address) as server, load_on(database.address, server) as load:
            for number in range(scale.database_restarts):
                load.await_progress()
                if number % 2:
                    database.kill_one_connection()
                else:
                    database.kill()
                    sleep(0.5)
                    database.start()
                load.await_progress()
            load.finish()
            assert server.close() == 0
        counted = recount(database.address)

    load.assert_stored_once(counted)
    assert max(sender.longest_s for sender in load.senders) < LONGEST_WAIT_S
    note(
        restarts=scale.database_restarts,
        put_off=sum(sender.put_off for sender in load.senders),
        checks=sum((checker.told for checker in load.checkers), Counter()),
    )


@pytest.mark.sqlite_only("what a process keeps is the same on each database")
def test_a_server_under_load_keeps_no_more_memory_as_time_goes_by(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    with http_server(address) as server, load_on(address, server) as load:
        load.await_progress()
        sleep(scale.http_load_s / 3)
        warm = _resident_kb(server.pid)
        sleep(scale.http_load_s * 2 / 3)
        grown = _resident_kb(server.pid) - warm
        load.finish()

    assert grown < 16 * 1024
    note(seconds=scale.http_load_s, resident_kb=warm, grown_kb=grown)


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _key(desk: Desk, name: str, *scopes: str) -> CreatedKey:
    return desk.ledger.create_key(desk.org, desk.ada, NewKey(name, scopes=scopes))
