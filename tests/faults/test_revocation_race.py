"""A key is checked continuously on two servers while it is revoked: no acceptance after the revocation."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic, sleep

import msgspec

from ledger.key_terms import CreatedKey, NewKey
from ledger.scopes import KEYS_CHECK
from tests.faults.desk import Desk, desk_at
from tests.faults.http_server import HttpClient, HttpServer, http_server
from tests.faults.scale import Scale
from tests.faults.worker import PATIENCE_S
from tests.place import plain

CLIENTS = 8


class Seen(msgspec.Struct, frozen=True):
    """One check: of which key, when it was asked, and whether it was accepted."""

    key_id: bytes
    asked_at: float
    valid: bool


class Client(Thread):
    """Checks whatever key is the current one, again and again."""

    def __init__(
        self, server: HttpServer, gateway: CreatedKey, current: list[CreatedKey], stop: Event
    ) -> None:
        super().__init__(daemon=True)
        self.seen: list[Seen] = []
        self._client = HttpClient(server.port, gateway)
        self._current = current
        self._stopped = stop

    def run(self) -> None:
        while not self._stopped.is_set():
            key = self._current[0]
            asked_at = monotonic()
            told = self._client.check(key.secret)
            assert told.status == 200, told
            self.seen.append(Seen(key.id, asked_at, told.document["valid"]))
        self._client.close()

    def await_verdict(self, key: CreatedKey, *, valid: bool) -> None:
        end = monotonic() + PATIENCE_S
        while not any(each.key_id == key.id and each.valid is valid for each in self.seen[-50:]):
            assert self.is_alive(), "a check was not answered"
            assert monotonic() < end, "the verdict never came"
            sleep(0.001)


def test_no_check_that_is_asked_after_a_revocation_has_returned_is_accepted(
    address: str, scale: Scale, note: Callable[..., None]
) -> None:
    # given clients of two servers that check one key without a pause
    stop = Event()
    with desk_at(address) as desk, http_server(address) as one, http_server(address) as other:
        gateway = _key(desk, "gateway", KEYS_CHECK)
        current = [_key(desk, "first")]
        clients = [Client((one, other)[number % 2], gateway, current, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()

        # when one key after the other is revoked
        revoked_at: dict[bytes, float] = {}
        for number in range(scale.revocations):
            key = current[0]
            for client in clients:
                client.await_verdict(key, valid=True)
            desk.ledger.revoke_key(desk.org, desk.ada, desk.ledger.find_key(desk.org, key.id.hex()))
            revoked_at[key.id] = monotonic()
            for client in clients:
                client.await_verdict(key, valid=False)
            current[0] = _key(desk, f"key-{number}")
        stop.set()
        for client in clients:
            client.join(PATIENCE_S)
        statuses = [one.close(), other.close()]

    # then none was accepted after, and the ledger holds no use that follows the revocation
    seen = [each for client in clients for each in client.seen]
    late = [each for each in seen if each.valid and each.asked_at > revoked_at.get(each.key_id, monotonic())]
    assert late == []
    assert _uses_after_the_end(address) == 0
    assert statuses == [0, 0]
    note(revocations=len(revoked_at), checks=len(seen), accepted_after=len(late))


def _key(desk: Desk, name: str, *scopes: str) -> CreatedKey:
    return desk.ledger.create_key(desk.org, desk.ada, NewKey(name, scopes=scopes))


def _uses_after_the_end(address: str) -> int:
    """Uses of a key at a higher position than its revocation."""
    ended: set[bytes] = set()
    late = 0
    with plain(address) as connection:
        rows = connection.execute(
            "SELECT topic, originator_id, state FROM events ORDER BY position"
        ).fetchall()
    for topic, stream_id, state in rows:
        if topic == "key-revoked/1":
            ended.add(bytes(stream_id))
        elif topic == "key-used/1" and msgspec.msgpack.decode(state)[5] in ended:
            late += 1
    return late
