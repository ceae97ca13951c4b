"""What is asked about a presented secret, and the verdict on it, a pure function of how its key stands."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from ledger.actor import Actor, Stamp
from ledger.api_key import denial
from ledger.errors import InvalidInput
from ledger.events import (
    Authentication,
    DenialReason,
    KeyState,
    KeyUsed,
    KeyUseDenied,
    Role,
    UseDetails,
)
from ledger.ids import ID_BYTES
from ledger.secret import Peppers, Secret, refuse_secrets
from ledger.usage import check_texts


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


class Standing(msgspec.Struct, frozen=True):
    """How a key stands, in the order of the columns that `credentials.STANDINGS` selects."""

    key_id: bytes
    name: str
    scopes: str
    state: KeyState
    expires_at: int | None
    overlap_ends_at: int | None
    organization_id: bytes
    organization: str


Standings: TypeAlias = Mapping[bytes, Standing]


class Asker(msgspec.Struct, frozen=True):
    """Who asks, by a secret of his own, whose key must have the scope and the organization of the other.

    That he used his key is for whoever takes the question to record; that he was denied is recorded with it.
    """

    fingerprints: Sequence[bytes]
    scope: str
    presented: Presented


class Question(msgspec.Struct, frozen=True):
    """Is the secret with one of the fingerprints valid? Without any it is malformed, so unknown."""

    fingerprints: Sequence[bytes]
    presented: Presented
    asker: Asker | None = None

    @property
    def all_fingerprints(self) -> Sequence[bytes]:
        """All that must be looked up to answer."""
        return self.fingerprints if self.asker is None else (*self.fingerprints, *self.asker.fingerprints)


class Answer(msgspec.Struct, frozen=True):
    """The verdict, and the one on who asked; where that one is none to be told to, the first is UNKNOWN.

    `event` is what must be recorded of it.
    """

    verdict: Verdict
    asker: Verdict | None = None
    event: KeyUsed | KeyUseDenied | None = None


_NOBODY = Standing(bytes(ID_BYTES), "", "", KeyState.REVOKED, None, None, bytes(ID_BYTES), "")
_STATES = {state.value: state for state in KeyState}
_REASONS = {denied: Reason(denied.value) for denied in DenialReason}


def standing_of(row: Sequence[object]) -> Standing:
    """A row that `credentials.STANDINGS` selects, after its fingerprint."""
    key_id, name, scopes, state, *rest = row
    return Standing(key_id, name, scopes, _STATES[state], *rest)  # type: ignore[arg-type, index]


def question(peppers: Peppers, secret: Secret, presented: Presented, asker: Asker | None = None) -> Question:
    """What is asked about a secret; InvalidInput where the circumstances cannot be recorded."""
    texts = msgspec.structs.astuple(presented)
    check_texts(*texts)
    refuse_secrets("what was said of the use", *texts)
    try:
        "".join(text for text in texts if text is not None).encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text about the use is not Unicode; leave it out") from None
    return Question(fingerprints(peppers, secret), presented, asker)


def fingerprints(peppers: Peppers, secret: Secret) -> Sequence[bytes]:
    """Where to look for a secret; nowhere if its shape or checksum is wrong, which everybody may see."""
    return peppers.fingerprints(secret) if secret.is_well_formed else ()


def judge(asked: Question, standings: Standings, now: int) -> Answer:
    """Answer a question at a moment, from how the keys stand."""
    key = _found(asked.fingerprints, standings)
    asker = asked.asker
    if asker is None:
        return _judge(key, asked.presented, now)
    asked_by = _found(asker.fingerprints, standings)
    about_asker = _judge(asked_by, asker.presented, now)
    told = about_asker.verdict
    if asked_by is None or not told.valid:
        return Answer(UNKNOWN, told, about_asker.event)
    if asker.scope not in told.scopes:
        return Answer(UNKNOWN, told)
    if key is not None and key.organization_id != asked_by.organization_id:
        key = None
    presented = asked.presented
    if presented.reporter is None:
        presented = msgspec.structs.replace(presented, reporter=told.name)
    answer = _judge(key, presented, now)
    return Answer(answer.verdict, told, answer.event)


def _used(key: Standing, presented: Presented, now: int) -> KeyUsed:
    """The event that a key was used; here the key itself acts, and its secret is the proof."""
    return KeyUsed(
        *_header(key, now),
        key_id=key.key_id,
        service=presented.service,
        caller=presented.caller,
        reporter=presented.reporter,
        personal=presented.details,
    )


def verdict_on(key: Standing | None, now: int) -> Verdict:
    """Whether a key is valid at a moment, recorded or not."""
    if key is None:
        return UNKNOWN
    refused = denial(key.state, key.expires_at, key.overlap_ends_at, now)
    reason = None if refused is None else _REASONS[refused]
    return Verdict(refused is None, reason, key.organization, key.key_id, key.name, tuple(key.scopes.split()))


def _judge(key: Standing | None, presented: Presented, now: int) -> Answer:
    if key is None:
        # All that is done for a key which is refused: no watch tells them apart.
        _judge(_NOBODY, presented, now)
        return Answer(UNKNOWN)
    verdict = verdict_on(key, now)
    if verdict.reason is None:
        return Answer(verdict, event=_used(key, presented, now))
    return Answer(verdict, event=_denied(key, DenialReason(verdict.reason.value), presented, now))


def _denied(key: Standing, refused: DenialReason, presented: Presented, now: int) -> KeyUseDenied:
    return KeyUseDenied(
        *_header(key, now),
        key_id=key.key_id,
        reason=refused,
        service=presented.service,
        caller=presented.caller,
        reporter=presented.reporter,
        personal=presented.details,
    )


def _header(key: Standing, now: int) -> tuple[int, int, bytes, bytes, Authentication]:
    actor = Actor(key.key_id, Authentication.KEY, Role.MEMBER, key.name)
    return Stamp(key.organization_id, actor, now).header()


def _found(wanted: Sequence[bytes], standings: Standings) -> Standing | None:
    for fingerprint in wanted:
        found = standings.get(fingerprint)
        if found is not None:
            return found
    return None
