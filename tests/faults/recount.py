"""What the raw events say, counted by hand: nothing here uses the code that is put to the test."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from tests.place import plain

_STRETCH = 50_000
_STATES = {"key-created/1": "active", "key-enabled/1": "active", "key-disabled/1": "disabled"}


class Uses(msgspec.Struct):
    """Of one key: how many, the first and the last moment."""

    count: int = 0
    first_at: int | None = None
    last_at: int | None = None

    def add(self, occurred_at: int, count: int, last_at: int | None) -> None:
        self.count += count
        self.first_at = min(occurred_at, self.first_at or occurred_at)
        self.last_at = max(last_at or occurred_at, self.last_at or 0)


class Standing(msgspec.Struct):
    """How a key that was minted here stands."""

    state: str = "active"
    name: str = ""
    fingerprint: bytes | None = None
    successor_id: bytes | None = None
    overlap_ends_at: int | None = None
    changed_at: list[int] = msgspec.field(default_factory=list)


class Recount(msgspec.Struct):
    """All events of a ledger in a few figures; `parts` counts the uses of each part that was sent."""

    events: int = 0
    parts: Counter[str] = msgspec.field(default_factory=Counter)
    uses: dict[bytes, Uses] = msgspec.field(default_factory=dict)
    checks: Counter[bytes] = msgspec.field(default_factory=Counter)
    denials: Counter[bytes] = msgspec.field(default_factory=Counter)
    keys: dict[bytes, Standing] = msgspec.field(default_factory=dict)

    def take(self, stream_id: bytes, version: int, topic: str, state: Sequence[Any]) -> None:
        if topic == "key-used/1":
            self._take_use(state)
        elif topic == "key-use-denied/1":
            self.denials[state[5]] += state[11]
        elif topic.startswith("key-"):
            self._take_life(stream_id, version, topic, state)

    def _take_use(self, state: Sequence[Any]) -> None:
        occurred_at, key_id, service, personal, count, last_at = (state[n] for n in (0, 5, 6, 9, 10, 12))
        self.uses.setdefault(key_id, Uses()).add(occurred_at, count, last_at)
        if service == "door":
            self.checks[key_id] += count
        else:
            self.parts[personal[1]] += count

    def _take_life(self, stream_id: bytes, version: int, topic: str, state: Sequence[Any]) -> None:
        key = self.keys.setdefault(stream_id, Standing())
        key.changed_at.append(state[0])
        assert version == len(key.changed_at), "the versions of a stream have a gap"
        key.state = _STATES.get(topic, key.state)
        if topic == "key-created/1":
            key.name, key.fingerprint = state[5], state[7]
        elif topic == "key-revoked/1":
            key.state = "revoked"
        elif topic == "key-rotated/1":
            key.successor_id, key.overlap_ends_at = state[5], state[6]


def recount(address: str) -> Recount:
    """Count; that the positions have no gap is part of it."""
    found = Recount()
    with plain(address) as connection:
        for position, stream_id, version, topic, state in _rows(connection):
            found.events += 1
            assert position == found.events, f"position {position} is the {found.events}th"
            found.take(stream_id, version, topic, msgspec.msgpack.decode(state))
        # What has no state is a mark that a connection has left.
        for state, count in connection.execute("SELECT state, count FROM denied_uses"):
            if state:
                found.denials[msgspec.msgpack.decode(state)[5]] += count
    return found


def _rows(connection: Any) -> Iterator[tuple[int, bytes, int, str, bytes]]:  # noqa: ANN401 - of each driver
    start = 0
    while rows := connection.execute(
        "SELECT position, originator_id, originator_version, topic, state FROM events"
        f" WHERE position > {start} ORDER BY position LIMIT {_STRETCH}"
    ).fetchall():
        yield from rows
        start = rows[-1][0]


def assert_acknowledged(found: Recount, told: Iterable[object]) -> int:
    """What workers were told to be done is there, exactly once; returns how many uses that were."""
    promised: Counter[bytes] = Counter()
    uses = 0
    for word in told:
        match word:
            case ("part", str(part), int(size)):
                assert found.parts[part] == size, f"{part}: {found.parts[part]} of {size}"
                uses += size
            case ("active", bytes(key_id)):
                assert key_id in found.keys
            case ("revoked", bytes(key_id)):
                assert found.keys[key_id].state == "revoked"
            case ("rotated", bytes(key_id), bytes(successor_id)):
                assert found.keys[key_id].successor_id == successor_id
                assert successor_id in found.keys
            case ("checked", bytes(key_id)):
                assert found.checks[key_id] == 1
            case ("denied", bytes(key_id)):
                promised[key_id] += 1
            case _:
                assert word == "ready" or word[0] == "refused"  # type: ignore[index]
    for key_id, denied in promised.items():
        # A denial may have been committed whose answer nobody lived to hear.
        assert denied <= found.denials[key_id] <= 2  # each worker presents a revoked key twice
    return uses


def assert_no_half_part(found: Recount, sizes: Sequence[int], part_limit: int) -> None:
    """Every part that is there at all is there whole, acknowledged or not."""
    for part, count in found.parts.items():
        _, run, number = part.split("/")
        size = sizes[int(run) % len(sizes)]
        assert count == min(size - int(number) * part_limit, part_limit), f"{part}: {count} uses"


def assert_index_agrees(address: str, found: Recount) -> None:
    """The credential index says of every key what its events say."""
    with plain(address) as connection:
        rows = connection.execute(
            "SELECT key_id, state, name, fingerprint, successor_id, overlap_ends_at FROM credentials"
        ).fetchall()
    said = {key_id: tuple(rest) for key_id, *rest in rows}
    assert said == {
        key_id: (key.state, key.name, key.fingerprint, key.successor_id, key.overlap_ends_at)
        for key_id, key in found.keys.items()
    }
