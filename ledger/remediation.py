"""Remediation: a plan ends keys in steps, each of which is recorded once whoever takes it, however often."""

from typing import assert_never

import msgspec

from ledger import api_key, ids
from ledger.actor import Actor, Stamp, require_admin
from ledger.api_key import ApiKey
from ledger.audit_events import KeyWarned, RemediationStep, RemediationStepped
from ledger.credentials import Credential
from ledger.errors import WrongState
from ledger.events import KeyState
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.streams import Decision, Streams

_SHORT = 8


class PlanFile(msgspec.Struct, frozen=True):
    """A plan and the file that says it: its id outlives edits of the file, the digest tells them."""

    id: bytes
    sha256: bytes


class Taken(msgspec.Struct, frozen=True):
    """A step that a plan took on a key, and when that was recorded."""

    step: RemediationStep
    at: int


class Remediation:
    """The commands of one plan on the keys of one organization, as one of its admins."""

    def __init__(self, ledger: Ledger, org: Organization, actor: Actor, plan: PlanFile) -> None:
        self._ledger = ledger
        self._org = org
        self._actor = actor
        self._plan = plan
        self._streams = Streams(ledger.recorder)

    def take(
        self,
        credential: Credential,
        step: RemediationStep,
        rules: tuple[str, ...],
        *,
        version: int,
        earlier: int,
    ) -> Taken:
        """Take a step on a key at a version of it, `earlier` steps having been taken.

        What the step does and its record are one append: no crash parts them. Raises WrongState where the
        key has another version, Conflict where somebody else took this step or changed the key just now.
        """
        require_admin(self._actor, "apply remediation plans")
        key = self._ledger.key(self._org, credential)
        if key.version != version:
            raise WrongState(f"the key was changed: it has version {key.version}, not {version}")
        stamp = Stamp(self._org.id, self._actor, max(self._ledger.clock(), key.changed_at))
        record = RemediationStepped(
            *stamp.header(),
            key_id=key.id,
            plan_id=self._plan.id,
            plan_sha256=self._plan.sha256,
            step=step,
            rules=rules,
        )
        done = self._decided(key, step, rules, stamp)
        stream_id = _stream(self._org.id, self._plan.id, key.id)
        self._streams.append([*done, Decision(stream_id, earlier + 1, record)])
        return Taken(step, stamp.recorded_at)

    def _decided(
        self, key: ApiKey, step: RemediationStep, rules: tuple[str, ...], stamp: Stamp
    ) -> list[Decision]:
        plan = ids.format_id(self._plan.id)[:_SHORT]
        reason = api_key.validate_reason(f"remediation plan {plan}: {', '.join(rules)}")
        match step:
            case RemediationStep.WARN:
                return self._warned(key, rules, stamp)
            case RemediationStep.DISABLE:
                return [Decision(key.id, key.version + 1, api_key.disable(key, reason, stamp))]
            case RemediationStep.REVOKE:
                return [Decision(key.id, key.version + 1, api_key.revoke(key, reason, stamp))]
            case _:
                assert_never(step)

    def _warned(self, key: ApiKey, rules: tuple[str, ...], stamp: Stamp) -> list[Decision]:
        if key.state is KeyState.REVOKED:
            raise WrongState(f"the key {key.name!r} is revoked already; there is nothing to warn of")
        return [
            Decision(
                ids.hashed_id("warning", self._org.id, self._plan.id, key.id, rule),
                1,
                KeyWarned(*stamp.header(), key_id=key.id, plan_id=self._plan.id, rule=rule),
            )
            for rule in rules
        ]


def steps_taken(ledger: Ledger, org: Organization, plan_id: bytes, key_id: bytes) -> list[Taken]:
    """The steps that a plan took on a key so far, in order, whoever applied it."""
    events = Streams(ledger.recorder).events(_stream(org.id, plan_id, key_id))
    return [
        Taken(event.step, event.recorded_at) for _, event in events if isinstance(event, RemediationStepped)
    ]


def _stream(organization_id: bytes, plan_id: bytes, key_id: bytes) -> bytes:
    return ids.hashed_id("remediation", organization_id, plan_id, key_id)
