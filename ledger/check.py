"""Is a presented secret valid? The verdict, and in the same transaction the use or the denial that it is."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, case, delete, func, select

from ledger import credentials, ids
from ledger.actor import Actor, Stamp
from ledger.api_key import denial
from ledger.credentials import Credential
from ledger.database import Database, insert
from ledger.encoding import decode, encode
from ledger.event_store import EventRecorder
from ledger.events import (
    Authentication,
    DenialReason,
    KeyState,
    KeyUsed,
    KeyUseDenied,
    Role,
    UseDetails,
)
from ledger.schema import denied_uses, events, organizations
from ledger.secret import Peppers, Secret, refuse_secrets
from ledger.usage import check_texts

if TYPE_CHECKING:
    from ledger.dialect import EventRow

MINUTE_US = 60_000_000
FLUSH_LIMIT = 100


class Reason(StrEnum):
    """Why a secret is not accepted."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    DISABLED = "disabled"
    EXPIRED = "expired"
    ROTATED = "rotated"


class Presented(msgspec.Struct, frozen=True):
    """The circumstances in which a secret was presented."""

    service: str
    caller: str | None = None
    reporter: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None

    @property
    def details(self) -> UseDetails | None:
        """The part of an event that says where it came from."""
        if self.source_ip is None and self.user_agent is None:
            return None
        return UseDetails(self.source_ip, self.user_agent)


class Verdict(msgspec.Struct, frozen=True):
    """The answer; of an unknown secret it tells nothing but that."""

    valid: bool
    reason: Reason | None = None
    organization: str | None = None
    key_id: bytes | None = None
    name: str | None = None
    scopes: tuple[str, ...] = ()


UNKNOWN = Verdict(valid=False, reason=Reason.UNKNOWN)

_STANDING = """
    SELECT key_id, credentials.name, scopes, state, expires_at, overlap_ends_at, organizations.name
    FROM credentials JOIN organizations USING (organization_id) WHERE fingerprint = ?"""
_STATES = {state.value: state for state in KeyState}
_REASONS = {denied: Reason(denied.value) for denied in DenialReason}


def check(  # noqa: PLR0913, PLR0917 - clock and randomness are arguments too
    recorder: EventRecorder,
    peppers: Peppers,
    secret: Secret,
    presented: Presented,
    clock: Callable[[], int],
    random_bytes: ids.RandomBytes,
) -> Verdict:
    """Answer for a presented secret; what the answer rests on is durable before it is given.

    The clock is read under the append lock, so that a key which expires during the wait for it is refused.
    Raises InvalidInput where the circumstances cannot be recorded.
    """
    said = msgspec.structs.astuple(presented)
    check_texts(*said)
    refuse_secrets("what was said of the use", *said)
    if not secret.is_well_formed:
        return UNKNOWN
    fingerprints = peppers.fingerprints(secret)
    written: list[EventRow] = []

    def answer(_tries: int) -> Verdict:
        with recorder.database.write() as connection:
            now = clock()
            flush_denied(connection, recorder, now)
            key = credentials.by_fingerprint(connection, fingerprints)
            if key is None:
                return UNKNOWN
            refused = denial(key.state, key.expires_at, key.overlap_ends_at, now)
            stamp = _stamp(key, now)
            if refused is not None:
                _record_denial(connection, recorder, _denied(key, refused, presented, stamp))
            # An earlier try whose answer was lost may have recorded the use: one check is one use.
            elif not (written and recorder.last_standing(connection, written)):
                used = _used(key, presented, stamp)
                written[:] = [(ids.timed_id(now, random_bytes(10)), 1, used.topic, encode(used))]
                recorder.append(connection, written)
            return _verdict(connection, key, refused)

    return recorder.database.insist(answer)


def look(database: Database, peppers: Peppers, secret: Secret, now: int) -> Verdict:
    """Answer for a presented secret without recording that it was."""
    for fingerprint in peppers.fingerprints(secret):
        row = database.look_up(_STANDING, fingerprint)
        if row is not None:
            key_id, name, scopes, state, expires_at, overlap_ends_at, organization = row
            refused = denial(_STATES[state], expires_at, overlap_ends_at, now)
            reason = None if refused is None else _REASONS[refused]
            return Verdict(refused is None, reason, organization, key_id, name, tuple(scopes.split()))
    return UNKNOWN


def flush_denied(connection: Connection, recorder: EventRecorder, now: int) -> None:
    """Append what was counted of denials in minutes that are over, as one event a key, caller and minute."""
    over = select(denied_uses).where(denied_uses.c.ends_at <= now).limit(FLUSH_LIMIT)
    for row in connection.execute(over).all():
        connection.execute(delete(denied_uses).where(denied_uses.c.stream_id == row.stream_id))
        first = decode(KeyUseDenied.topic, row.state)
        rest = msgspec.structs.replace(
            first, occurred_at=row.first_at, recorded_at=now, count=row.count, last_at=row.last_at
        )
        recorder.append(
            connection, [(row.stream_id, _next_version(connection, row.stream_id), rest.topic, encode(rest))]
        )


def _used(key: Credential, presented: Presented, stamp: Stamp) -> KeyUsed:
    return KeyUsed(
        *stamp.header(),
        key_id=key.key_id,
        service=presented.service,
        caller=presented.caller,
        reporter=presented.reporter,
        personal=presented.details,
    )


def _denied(key: Credential, refused: DenialReason, presented: Presented, stamp: Stamp) -> KeyUseDenied:
    return KeyUseDenied(
        *stamp.header(),
        key_id=key.key_id,
        reason=refused,
        service=presented.service,
        caller=presented.caller,
        reporter=presented.reporter,
        personal=presented.details,
    )


def _record_denial(connection: Connection, recorder: EventRecorder, event: KeyUseDenied) -> None:
    """Append a minute's first denial at once and count the rest: a hammering client fills no ledger."""
    minute = event.occurred_at - event.occurred_at % MINUTE_US
    parts = ("denied", event.organization_id, event.key_id, event.reason, event.service, event.caller, minute)
    stream_id = ids.timed_id(minute, ids.digest(*parts))
    version = _next_version(connection, stream_id)
    if version == 1:
        recorder.append(connection, [(stream_id, version, event.topic, encode(event))])
    else:
        _count_denial(connection, stream_id, event)


def _count_denial(connection: Connection, stream_id: bytes, event: KeyUseDenied) -> None:
    at = event.occurred_at
    upsert = insert(connection, denied_uses).values(
        stream_id=stream_id,
        ends_at=at - at % MINUTE_US + MINUTE_US,
        count=1,
        first_at=at,
        last_at=at,
        state=encode(event),
    )
    first_at, last_at = denied_uses.c.first_at, denied_uses.c.last_at
    counted = {
        "count": denied_uses.c.count + 1,
        "first_at": case((first_at > at, at), else_=first_at),
        "last_at": case((last_at < at, at), else_=last_at),
    }
    connection.execute(upsert.on_conflict_do_update(index_elements=["stream_id"], set_=counted))


def _next_version(connection: Connection, stream_id: bytes) -> int:
    query = select(func.max(events.c.originator_version)).where(events.c.originator_id == stream_id)
    return int(connection.execute(query).scalar() or 0) + 1


def _stamp(key: Credential, now: int) -> Stamp:
    """Here the key itself acts, and its secret is the proof."""
    actor = Actor(key.key_id, Authentication.KEY, Role.MEMBER, key.name or "")
    return Stamp(key.organization_id, actor, now)


def _verdict(connection: Connection, key: Credential, refused: DenialReason | None) -> Verdict:
    name = select(organizations.c.name).where(organizations.c.organization_id == key.organization_id)
    return Verdict(
        valid=refused is None,
        reason=None if refused is None else _REASONS[refused],
        organization=connection.execute(name).scalar_one(),
        key_id=key.key_id,
        name=key.name,
        scopes=key.scopes,
    )
