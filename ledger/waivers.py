"""Waivers: a finding that is accepted for a time. Of each key and rule there is one at most."""

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from ledger import ids
from ledger.actor import Actor, Stamp, require_admin
from ledger.api_key import validate_reason
from ledger.audit_events import FindingWaived, WaiverWithdrawn
from ledger.credentials import Credential
from ledger.errors import InvalidInput, NotFound, WrongState
from ledger.events import Authentication
from ledger.ledger import Ledger
from ledger.moments import MICROSECOND, format_duration, format_moment
from ledger.organization import Organization
from ledger.ownership import owner_of
from ledger.streams import Decision, Streams


class WaiverTerms(msgspec.Struct, frozen=True):
    """What an admin says of a waiver: why, who answers for it, until when."""

    reason: str
    owner: str
    expires_at: int


class _Standing(msgspec.Struct, frozen=True):
    """How the stream of a key's and a rule's waivers stands."""

    stream_id: bytes
    version: int
    waiver: FindingWaived | None


class Waivers:
    """The commands on the waivers of one organization, as one of its admins.

    `others` are the ids of other names of the key: what was said of one of them is said of all.
    """

    def __init__(self, ledger: Ledger, org: Organization, actor: Actor) -> None:
        self._org = org
        self._actor = actor
        self._clock = ledger.clock
        self._streams = Streams(ledger.recorder)

    def waive(
        self,
        key: Credential,
        rule: str,
        terms: WaiverTerms,
        longest: timedelta,
        others: Iterable[bytes] = (),
    ) -> None:
        """Accept the finding of a rule on a key, for `longest` at most.

        Raises WrongState where it is waived already: an accepted risk is not prolonged in passing.
        """
        require_admin(self._actor, "waive findings")
        standing, now = self._standing(key.key_id, rule), self._clock()
        standings = (standing, *(self._standing(other, rule) for other in others))
        ends = max((each.waiver.expires_at for each in standings if each.waiver is not None), default=now)
        if ends > now:
            until = format_moment(ends)
            raise WrongState(
                f"{rule} is waived for this key until {until};"
                " to change that, withdraw it with `keyledger unwaive`"
            )
        if (reason := validate_reason(terms.reason)) is None:
            raise InvalidInput("a waiver needs a reason; say why the risk is accepted")
        owner = owner_of(self._org, terms.owner)
        event = FindingWaived(
            *self._header(now),
            key_id=key.key_id,
            rule=rule,
            reason=reason,
            expires_at=_checked(terms.expires_at, now, longest),
            owner_id=owner.member_id,
            personal=owner.details,
            on_behalf_of_id=self._actor.on_behalf_of,
        )
        self._streams.append([Decision(standing.stream_id, standing.version + 1, event)])

    def withdraw(
        self, key: Credential, rule: str, reason: str | None = None, others: Iterable[bytes] = ()
    ) -> None:
        """End the waiver of a finding, which is open again from now on; NotFound where there is none."""
        require_admin(self._actor, "withdraw waivers")
        reason, header = validate_reason(reason), self._header(self._clock())
        standings = [(key_id, self._standing(key_id, rule)) for key_id in (key.key_id, *others)]
        withdrawn = [
            Decision(
                standing.stream_id,
                standing.version + 1,
                WaiverWithdrawn(*header, key_id, rule, reason, on_behalf_of_id=self._actor.on_behalf_of),
            )
            for key_id, standing in standings
            if standing.waiver is not None
        ]
        if not withdrawn:
            raise NotFound(f"{rule} is not waived for this key; `keyledger waivers` lists what is")
        self._streams.append(withdrawn)

    def _standing(self, key_id: bytes, rule: str) -> _Standing:
        stream_id = ids.hashed_id("waiver", self._org.id, key_id, rule)
        version, waiver = 0, None
        for version, event in self._streams.events(stream_id):  # noqa: B007 - the last counts
            waiver = event if isinstance(event, FindingWaived) else None
        return _Standing(stream_id, version, waiver)

    def _header(self, now: int) -> tuple[int, int, bytes, bytes, Authentication]:
        return Stamp(self._org.id, self._actor, now).header()


def _checked(expires_at: int, now: int, longest: timedelta) -> int:
    if expires_at <= now:
        raise InvalidInput(f"{format_moment(expires_at)} is over; a waiver ends in the future")
    if expires_at - now > longest // MICROSECOND:
        raise InvalidInput(
            f"the policy lets a finding be waived for {format_duration(longest)} at most (max_waiver);"
            f" {format_moment(expires_at)} is later"
        )
    return expires_at
