"""The ledger: every command on organizations, members and keys, decided from events, recorded as events."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeAlias, TypeVar

import msgspec
from sqlalchemy import select

from ledger import api_key, ids, organization, references
from ledger.actor import Actor, Stamp, require_admin
from ledger.api_key import ApiKey, Owner
from ledger.asked import EarlierKey, earlier_key, id_of_asked
from ledger.check import check, look
from ledger.checker import Checker, Deliver
from ledger.coverage import heartbeat
from ledger.credentials import Credential
from ledger.database import Database
from ledger.denials import denials_wait, flush_denied
from ledger.errors import InvalidInput, NotFound, WrongState
from ledger.event_store import EventRecorder
from ledger.events import (
    Authentication,
    Event,
    KeyCreated,
    MemberAdded,
    MemberDetails,
    OrganizationCreated,
    Role,
)
from ledger.intake import Item, OnBatch, OnRefused, Recording, Remembered
from ledger.key_terms import AS_BEFORE, Asked, CreatedKey, KeyChanges, NewKey, RotatedKey, Succession
from ledger.moments import MICROSECOND
from ledger.organization import Organization
from ledger.ownership import owner_of
from ledger.peppering import require_peppers
from ledger.schema import organizations
from ledger.scopes import require_grantable
from ledger.secret import DEFAULT_PREFIX, Peppers, Secret, check_prefix, new_secret
from ledger.streams import Decision, Streams
from ledger.usage import Intake, Refusal
from ledger.verdict import Presented, Verdict

Clock: TypeAlias = Callable[[], int]
T = TypeVar("T")

DEFAULT_OVERLAP = timedelta(days=7)
MAX_OVERLAP = timedelta(days=365)
NO_PEPPERS = Peppers()

_ORGANIZATIONS_HELD = 1_000


class Ledger:
    """Commands on one database. Each takes an organization and the actor, whose role it checks.

    A command raises a Refused, with nothing stored, where it may not be; once it returns, all is on disk.
    `clock` tells microseconds since 1970; `random_bytes` must be fit for secrets.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        random_bytes: ids.RandomBytes,
        peppers: Peppers = NO_PEPPERS,
    ) -> None:
        self.database = database
        self.clock = clock
        self.recorder = EventRecorder(database)
        self._streams = Streams(self.recorder)
        self.random_bytes = random_bytes
        self._peppers = peppers
        self._organizations: dict[str, Organization] = {}
        self._remembered = Remembered()

    def create_organization(
        self, name: str, admin: MemberDetails, authentication: Authentication, prefix: str = DEFAULT_PREFIX
    ) -> Organization:
        """Found an organization with its first admin, who is recorded as the one who did it."""
        organization.validate_organization_name(name)
        organization.validate_email(admin.email)
        check_prefix(prefix)
        if name in self.organization_names():
            raise WrongState(f"there is an organization {name!r} already")
        organization_id, member_id = ids.random_id(self.random_bytes), ids.random_id(self.random_bytes)
        founder = Actor(member_id, authentication, Role.ADMIN, admin.email)
        header = Stamp(organization_id, founder, self.clock()).header()
        founding: list[Event] = [
            OrganizationCreated(*header, name=name, secret_prefix=prefix),
            MemberAdded(*header, member_id=member_id, role=Role.ADMIN, personal=admin),
        ]
        self._streams.append(
            [Decision(organization_id, version, event) for version, event in enumerate(founding, 1)]
        )
        return self._streams.organization(organization_id)

    def organization_names(self) -> list[str]:
        """The names of all organizations of the ledger, sorted."""
        with self.database.read() as connection:
            return list(
                connection.execute(select(organizations.c.name).order_by(organizations.c.name)).scalars()
            )

    def organization(self, name: str | None = None) -> Organization:
        """The organization of that name; without a name the only one."""
        held = self._organizations.get(name or "")
        if held is not None and self._streams.is_latest(held):
            return held
        names = self.organization_names()
        if name is None and len(names) != 1:
            known = ", ".join(names) or "none"
            raise InvalidInput(
                f"say which organization with --org or KEYLEDGER_ORG; the ledger holds: {known}"
            )
        wanted = names[0] if name is None else name
        with self.database.read() as connection:
            query = select(organizations.c.organization_id).where(organizations.c.name == wanted)
            organization_id = connection.execute(query).scalar()
        if organization_id is None:
            raise NotFound(
                f"there is no organization {wanted!r} here; the ledger holds: {', '.join(names) or 'none'}"
            )
        found = self._streams.organization(organization_id)
        if len(self._organizations) >= _ORGANIZATIONS_HELD:
            self._organizations.clear()
        self._organizations[wanted] = found
        return found

    def add_member(self, org: Organization, actor: Actor, details: MemberDetails, role: Role) -> bytes:
        """Let a person in; returns the member's id."""
        member_id = ids.random_id(self.random_bytes)
        stamp = self._stamp(org, actor, org.changed_at)
        self._decide(org.id, org.version, organization.add_member(org, member_id, details, role, stamp))
        return member_id

    def change_role(self, org: Organization, actor: Actor, email: str, role: Role) -> None:
        """Give a member another role."""
        self._decide(
            org.id,
            org.version,
            organization.change_role(org, email, role, self._stamp(org, actor, org.changed_at)),
        )

    def remove_member(self, org: Organization, actor: Actor, email: str) -> None:
        """End a membership; the keys that the member owns stay and are found by the audit."""
        self._decide(
            org.id,
            org.version,
            organization.remove_member(org, email, self._stamp(org, actor, org.changed_at)),
        )

    def find_key(self, org: Organization, reference: str) -> Credential:
        """The key that an id, a name, an outside id or an id's beginning means; NotFound or Ambiguous."""

        def find(_tries: int) -> Credential:
            with self.database.read() as connection:
                return references.find(connection, org.id, reference)

        return self.database.insist(find)

    def resolver(self, org: Organization) -> Callable[[str], bytes | None]:
        """What a text means as a key's id, for streams of uses; None where it means none.

        An id that was met before takes no look-up. Raises Ambiguous.
        """
        known = self._remembered.keys[org.id]

        def resolve(reference: str) -> bytes | None:
            key_id = ids.id_in(reference)
            if key_id is not None and key_id in known:
                return key_id
            try:
                return self.find_key(org, reference).key_id
            except NotFound:
                return None

        return resolve

    def key(self, org: Organization, credential: Credential) -> ApiKey:
        """The state of a key that was minted here; WrongState for one that was not."""
        if credential.organization_id != org.id:
            raise NotFound(f"no key {ids.format_id(credential.key_id)} is in {org.name!r}")
        if not credential.is_minted_here:
            outside = credential.external_id
            raise WrongState(
                f"{outside} was minted by {credential.source}, where it must be changed;"
                " keyledger only keeps its record"
            )
        return self._streams.key(credential.key_id)

    def create_key(self, org: Organization, actor: Actor, new: NewKey) -> CreatedKey:
        """Mint a key; the answer holds its secret, which is shown once."""
        require_admin(actor, "create keys")
        require_grantable(actor, new.scopes)
        stamp = self._stamp(org, actor)
        owner = owner_of(org, new.owner) if new.owner else self._answering(actor)
        created, decision = self._mint(org, new, owner, stamp, predecessor_id=None)
        self._streams.append([decision])
        return created

    def earlier_key(self, org: Organization, actor: Actor, asked: Asked) -> EarlierKey | None:
        """The key that the same request made before, if it did; Reused where another request had its id."""
        return earlier_key(self._streams, org, actor, asked)

    def change_key(self, org: Organization, actor: Actor, credential: Credential, changes: KeyChanges) -> int:
        """Set a key's name, owner, expiry or scopes; returns how many of them changed."""
        key = self.key(org, credential)
        stamp = self._stamp(org, actor, key.changed_at)
        decided: list[Event] = []
        if not isinstance(changes.name, msgspec.UnsetType) and changes.name != key.name:
            decided.append(api_key.rename(key, changes.name, stamp))
        if not isinstance(changes.owner, msgspec.UnsetType):
            owner = owner_of(org, changes.owner)
            if (owner.member_id, owner.name) != (key.owner_id, key.owner):
                decided.append(api_key.change_owner(owner, stamp))
        if not isinstance(changes.expires_at, msgspec.UnsetType) and changes.expires_at != key.expires_at:
            decided.append(api_key.change_expiry(key, changes.expires_at, stamp))
            if api_key.is_longer(key, changes.expires_at):
                require_grantable(actor, key.scopes)
        if not isinstance(changes.scopes, msgspec.UnsetType) and set(changes.scopes) != set(key.scopes):
            decided.append(api_key.change_scopes(key, changes.scopes, stamp))
            require_grantable(actor, set(changes.scopes) - set(key.scopes))
        require_admin(actor, "change keys")
        self._streams.append([Decision(key.id, key.version + n, event) for n, event in enumerate(decided, 1)])
        return len(decided)

    def disable_key(
        self, org: Organization, actor: Actor, credential: Credential, reason: str | None = None
    ) -> None:
        """Refuse a key until it is enabled again."""
        key = self.key(org, credential)
        self._decide(
            key.id, key.version, api_key.disable(key, reason, self._stamp(org, actor, key.changed_at))
        )

    def enable_key(self, org: Organization, actor: Actor, credential: Credential) -> None:
        """Accept a disabled key again."""
        key = self.key(org, credential)
        require_grantable(actor, key.scopes)
        self._decide(key.id, key.version, api_key.enable(key, self._stamp(org, actor, key.changed_at)))

    def revoke_key(
        self, org: Organization, actor: Actor, credential: Credential, reason: str | None = None
    ) -> None:
        """End a key for good; it is refused from the moment that this returns."""
        key = self.key(org, credential)
        self._decide(
            key.id, key.version, api_key.revoke(key, reason, self._stamp(org, actor, key.changed_at))
        )

    def rotate_key(
        self,
        org: Organization,
        actor: Actor,
        credential: Credential,
        overlap: timedelta = DEFAULT_OVERLAP,
        succession: Succession = AS_BEFORE,
    ) -> RotatedKey:
        """Mint a successor with the key's name, owner and scopes; the key works on until the overlap ends.

        Where `succession` does not say otherwise, the successor gets the lifetime of the key anew.
        """
        if not timedelta() <= overlap <= MAX_OVERLAP:
            raise InvalidInput(f"the overlap must be from 0 to {MAX_OVERLAP.days} days")
        require_admin(actor, "rotate keys")
        key = self.key(org, credential)
        require_grantable(actor, key.scopes)
        stamp = self._stamp(org, actor, key.changed_at)
        owner = Owner(key.owner_id, key.owner)
        expires_at = succession.expires_at
        if isinstance(expires_at, msgspec.UnsetType):
            expires_at = api_key.renewed_expiry(key, stamp.recorded_at)
        new = NewKey(key.name, expires_at=expires_at, scopes=key.scopes, asked=succession.asked)
        successor, minted = self._mint(org, new, owner, stamp, predecessor_id=key.id)
        rotated = api_key.rotate(key, successor.id, overlap // MICROSECOND, stamp)
        succession.keep(successor)
        self._streams.append([Decision(key.id, key.version + 1, rotated), minted])
        return RotatedKey(key.id, successor, rotated.overlap_ends_at)

    def record_uses(
        self,
        org: Organization,
        actor: Actor,
        items: Iterable[Item],
        on_refused: OnRefused = lambda _refusal: None,
        on_batch: OnBatch = lambda _intake, _reached: None,
    ) -> Intake:
        """Take in uses and observations of any number, in durable batches of 1,000 and bounded memory.

        `on_refused` hears of each item that was not stored. `on_batch` hears the counts after each batch, and
        where its last item was read: all up to there is on disk, or refused.
        """
        require_admin(actor, "record uses")
        recording = Recording(
            self.recorder,
            lambda: self._stamp(org, actor),
            self.random_bytes,
            self._remembered.keys[org.id],
            self._remembered.tails,
        )
        return recording.run(items, on_refused, on_batch)

    def report_coverage(
        self, org: Organization, actor: Actor, reporter: str, covers_from: int, covers_to: int
    ) -> bool:
        """Declare that every use of the keys minted here that a reporter saw in a period is on disk.

        From its first declaration on a reporter is expected to go on: once it is silent, nobody can tell
        whether a key is unused. Returns False where the same was declared before.
        """
        refusals: list[Refusal] = []
        said = heartbeat(reporter, covers_from, covers_to)
        intake = self.record_uses(org, actor, [said], refusals.append)
        for refusal in refusals:
            raise InvalidInput(refusal.reason)
        return bool(intake.observations)

    def check(self, secret: Secret, presented: Presented | None = None) -> Verdict:
        """Whether a secret is accepted now; the use, or the denial, is on disk before the answer.

        Where no circumstances are given it is not recorded: the answer is as of the latest commit.
        """
        if presented is None:
            return look(self.database, self._peppers, secret, self.clock())
        return check(self.recorder, self._peppers, secret, presented, self.clock, self.random_bytes)

    def checker(self, deliver: Deliver[T], *, records_after: bool = False) -> Checker[T]:
        """Check as `check` does, but many at once for one commit: for servers. It is to be closed."""
        return Checker(
            self.recorder,
            self._peppers,
            self.clock,
            self.random_bytes,
            deliver,
            records_after=records_after,
        )

    def require_peppers(self) -> None:
        """Raise WrongState where a key that may be used cannot be recognized, for want of its pepper."""
        with self.database.read() as connection:
            require_peppers(connection, self._peppers, self.clock())

    def settle(self) -> None:
        """Append the denials that were counted in minutes that are over, so that readers see them."""
        if not self.database.writable:
            return
        now = self.clock()
        while self._denials_wait(now):
            with self.database.write() as connection:
                flush_denied(connection, self.recorder, now)

    def _denials_wait(self, now: int) -> bool:
        with self.database.read() as connection:
            return denials_wait(connection, now)

    def _mint(
        self, org: Organization, new: NewKey, owner: Owner, stamp: Stamp, predecessor_id: bytes | None
    ) -> tuple[CreatedKey, Decision]:
        asked = new.asked
        key_id = id_of_asked(org, stamp.actor, asked) if asked else ids.random_id(self.random_bytes)
        secret = new_secret(org.secret_prefix, self.random_bytes)
        pepper_id = self._peppers.current
        event = KeyCreated(
            *stamp.header(),
            name=api_key.validate_name(new.name),
            masked=secret.masked,
            fingerprint=self._peppers.fingerprint(secret, pepper_id),
            pepper_id=pepper_id,
            owner_id=owner.member_id,
            personal=owner.details,
            expires_at=api_key.validate_expiry(new.expires_at, stamp.recorded_at),
            scopes=api_key.validate_scopes(new.scopes),
            predecessor_id=predecessor_id,
            on_behalf_of_id=stamp.on_behalf_of_id,
            request_digest=asked.digest if asked else None,
        )
        created = CreatedKey(org.name, key_id, event.name, secret, event.expires_at)
        return created, Decision(key_id, 1, event)

    def _answering(self, actor: Actor) -> Owner:
        """Who answers for what an actor makes: the person, or whoever answers for the key that acts."""
        if actor.is_person:
            return Owner(actor.on_behalf_of or actor.id)
        key = self._streams.key(actor.id)
        return Owner(key.owner_id, key.owner)

    def _decide(self, stream_id: bytes, version: int, event: Event) -> None:
        self._streams.append([Decision(stream_id, version + 1, event)])

    def _stamp(self, org: Organization, actor: Actor, changed_at: int = 0) -> Stamp:
        """The marks of a command. Clocks go back, yet no decision comes before what it was decided from."""
        return Stamp(org.id, actor, max(self.clock(), changed_at))
