"""A ledger of very many keys to audit: the keys are events, the rows of their uses are made by hand.

Fifty million uses take hours to append and an hour to project; an audit reads the projected rows alone.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Any

from benchmarks.subject import Subject
from benchmarks.traffic import DAY_US, NOW
from ledger.events import KeyState
from ledger.observation import Coverage, ExternalKey, Observation, observed_key_id
from projections.catch_up import catch_up

SOURCE = "gateway"
USES_A_KEY = 500

_SERVICES = ("orders-api", "payments-api", "search-api")
_DAYS_USED = 10
# One key in so many is aged, unused or shared.
_AGED, _UNUSED, _SHARED = 20, 30, 50


def fill(subject: Subject, keys: int) -> None:
    """Let the ledger know that many keys, and its read side their uses."""
    chance = Random(7)  # noqa: S311 - the same every time, and no secret
    subject.ledger.record_uses(subject.organization, subject.actor, _told(keys, chance))
    position = catch_up(subject.database)
    with closing(sqlite3.connect(subject.address)) as file, file:
        file.execute("PRAGMA synchronous=OFF")
        for number in range(keys):
            key_id = observed_key_id(subject.organization.id, _key(number))
            _add(file, "key_usage", _used(number, key_id, chance, position))
            _add(file, "key_days", _by_day(number, key_id, position))


def _key(number: int) -> ExternalKey:
    return ExternalKey(SOURCE, f"key-{number:08d}")


def _age(number: int) -> int:
    return (200 if number % _AGED == 0 else 80) * DAY_US


def _last_at(number: int) -> int:
    """When a key was used last; those of one number always at the same moment."""
    idle = 60 * DAY_US if number % _UNUSED == 0 else number * 7_919_000_003 % (20 * DAY_US)
    return NOW - idle


def _told(keys: int, chance: Random) -> Iterator[Observation | Coverage]:
    for number in range(keys):
        created_at = NOW - _age(number)
        owner = f"team-{chance.randrange(40)}"
        yield Observation(_key(number), NOW - DAY_US, "inventory", KeyState.ACTIVE, created_at, owner=owner)
    yield Coverage("gateway-logs", NOW - 400 * DAY_US, NOW, source=SOURCE)


def _used(number: int, key_id: bytes, chance: Random, position: int) -> Iterator[tuple[Any, ...]]:
    callers = ("web-1", "web-2") if number % _SHARED == 0 else ("web-1",)
    groups = [(service, caller) for service in _SERVICES for caller in callers]
    for service, caller in groups:
        low, high = sorted(chance.randrange(1, position) for _ in range(2))
        first_at, last_at = NOW - _age(number) + DAY_US, _last_at(number)
        count = USES_A_KEY // len(groups)
        yield (key_id, service, caller, count, count // 50, first_at, last_at, low, high)


def _by_day(number: int, key_id: bytes, position: int) -> Iterator[tuple[Any, ...]]:
    """The last days, and once a month before."""
    last, first = _last_at(number), NOW - _age(number) + DAY_US
    moments = {at // DAY_US: at for at in range(first, last, 30 * DAY_US)}
    moments |= {at // DAY_US: at for at in (last - back * DAY_US for back in range(_DAYS_USED))}
    for day, at in sorted(moments.items()):
        yield (day, key_id, USES_A_KEY // len(moments), 0, at, at, *(position,) * 4)


def _add(file: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    for row in rows:
        file.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - our own
