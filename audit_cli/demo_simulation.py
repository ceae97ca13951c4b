"""A simulated past: what is planned for each moment happens through the ledger in the order of time."""

from collections.abc import Callable
from datetime import timedelta
from operator import attrgetter
from random import Random

import msgspec

from audit_cli.demo_names import AWS_ACCOUNT, FOUNDER, ORGANIZATION, SECOND_ADMIN, Caller, Names
from audit_cli.demo_traffic import DAY, DAY_US, HOUR_US, MINUTE, WEEK, Traffic
from ledger.actor import Actor
from ledger.credentials import Credential
from ledger.database import Database
from ledger.events import Authentication, MemberDetails, Role
from ledger.ids import format_id
from ledger.intake import Item
from ledger.key_terms import CreatedKey, NewKey
from ledger.leaks import LeakedAt, Leaks
from ledger.ledger import Ledger
from ledger.moments import MICROSECOND, SECOND_US
from ledger.observation import Coverage
from ledger.organization import Organization
from ledger.usage import Use
from ledger.verdict import Presented


class PlannedKey:
    """A key of the plan; it has an id and a secret from the moment of its creation on."""

    def __init__(self, created_at: int) -> None:
        self.created_at = created_at
        self._created: CreatedKey | None = None

    @property
    def created(self) -> CreatedKey:
        """The key as the ledger made it."""
        if self._created is None:
            raise RuntimeError("the plan uses a key before its creation")
        return self._created

    def becomes(self, created: CreatedKey) -> None:
        """The key was made."""
        self._created = created


class PlannedUse(msgspec.Struct, frozen=True):
    """A use, and the moment when its reporter has told it."""

    key: PlannedKey
    use: Use
    reported_at: int


class Simulation:
    """The plan, the simulated clock and the ledger that the past is written to.

    `coarseness` is the least time between two reports of one caller, so that many keys stay buildable.
    """

    def __init__(self, database: Database, days: int, seed: int, end: int, coarseness: timedelta) -> None:
        self.random = Random(f"{seed} plan")  # noqa: S311 - the same every time, and no real secret
        self.names = Names(self.random)
        self.traffic = Traffic(self.random, end, coarseness)
        self.start, self.end = end - days * DAY_US, end
        self.imported: list[Item] = []
        self._now = self.start
        self._acts: list[tuple[int, int, Callable[[], object]]] = []
        self._uses: list[PlannedUse] = []
        random_bytes = Random(f"{seed} bytes").randbytes  # noqa: S311 - as above
        self._ledger = Ledger(database, lambda: self._now, random_bytes)
        founder = MemberDetails(FOUNDER)
        self._org = self._ledger.create_organization(ORGANIZATION, founder, Authentication.CLAIMED)

    def ago(self, days: float, after: int | None = None) -> int:
        """A moment in working hours some days before the end, never before the beginning or `after`."""
        midnight = self.end - (int(days) + 1) * DAY_US
        moment = midnight + self.random.randrange(7 * HOUR_US, 18 * HOUR_US, SECOND_US)
        earliest = self.start + self.random.randrange(0, HOUR_US, SECOND_US)
        if after is not None:
            earliest = max(earliest, after + MINUTE // MICROSECOND)
        return max(moment, earliest)

    def between(self, fewest_days: int, most_days: int, after: int | None = None) -> int:
        """A moment from `fewest_days` to `most_days` before the end."""
        return self.ago(self.random.randint(fewest_days, most_days), after)

    def act(self, at: int, do: Callable[[], object]) -> None:
        """Plan something for a moment."""
        self._acts.append((at, len(self._acts), do))

    def add_member(self, email: str, role: Role, at: int) -> None:
        """Plan that somebody joins."""
        self.act(
            at,
            lambda: self._ledger.add_member(self._organization(), self._admin(), MemberDetails(email), role),
        )

    def remove_member(self, email: str, at: int) -> None:
        """Plan that somebody leaves."""
        self.act(at, lambda: self._ledger.remove_member(self._organization(), self._admin(), email))

    def create(
        self, name: str, at: int, owner: str | None = None, expires_at: int | None = None
    ) -> PlannedKey:
        """Plan a key."""
        key = PlannedKey(at)
        new = NewKey(name, owner or self.names.owner(), expires_at)
        self.act(at, lambda: key.becomes(self._ledger.create_key(self._organization(), self._admin(), new)))
        return key

    def rotate(self, key: PlannedKey, at: int, overlap: timedelta) -> PlannedKey:
        """Plan a rotation; returns the successor."""
        successor = PlannedKey(at)
        self.act(at, lambda: successor.becomes(self._rotate(key, overlap)))
        return successor

    def revoke(self, key: PlannedKey, at: int, reason: str) -> None:
        """Plan a revocation."""
        self.act(at, lambda: self._ledger.revoke_key(self._org, self._admin(), self._found(key), reason))

    def leak(self, key: PlannedKey, at: int, place: str) -> None:
        """Plan that a scan finds the key's secret."""
        self.act(
            at,
            lambda: Leaks(self._ledger, self._org, self._admin()).report([LeakedAt(key.created.id, place)]),
        )

    def disable(self, key: PlannedKey, at: int, reason: str) -> None:
        """Plan that a key is switched off."""
        self.act(at, lambda: self._ledger.disable_key(self._org, self._admin(), self._found(key), reason))

    def enable(self, key: PlannedKey, at: int) -> None:
        """Plan that a key is switched on again."""
        self.act(at, lambda: self._ledger.enable_key(self._org, self._admin(), self._found(key)))

    def present(self, key: PlannedKey, at: int, caller: Caller) -> None:
        """Plan that a service asks about the key which a caller presented; nothing after the end."""
        presented = Presented(
            caller.service, caller.name, caller.reporter, caller.source_ip, caller.user_agent
        )
        if at < self.end:
            self.act(at, lambda: self._ledger.check(key.created.secret, presented))

    def report(
        self,
        key: PlannedKey,
        caller: Caller,
        begin: int,
        until: int,
        every: timedelta = DAY,
        late: timedelta = DAY,
    ) -> None:
        """Plan the reports of a caller's uses; `late` is how long the reporter takes to tell of them."""
        for use in self.traffic.uses(b"", caller, begin, until, every):
            told_at = (use.last_at or use.occurred_at) + late // MICROSECOND
            self._uses.append(PlannedUse(key, use, min(told_at, self.end)))

    def run(self) -> Organization:
        """Let everything happen in its order; the clock then stands at the end."""
        self._plan_reports()
        for at, _, do in sorted(self._acts, key=lambda act: act[:2]):
            self._now = at
            do()
        self._now = self.end
        self._ledger.settle()
        return self._organization()

    def _plan_reports(self) -> None:
        """Reporters tell of uses once a week, importers of AWS once, at the end."""
        week: list[PlannedUse] = []
        due = self.start + WEEK // MICROSECOND
        for planned in sorted(self._uses, key=attrgetter("reported_at")):
            while planned.reported_at > due:
                self._plan_report(due, week)
                week, due = [], due + WEEK // MICROSECOND
            week.append(planned)
        self._plan_report(min(due, self.end), week)
        if self.imported:
            at = self.end - HOUR_US
            coverage = Coverage("cloudtrail", self.start, at, source="aws", account=AWS_ACCOUNT)
            self.act(at, lambda: self._record([*self.imported, coverage]))

    def _plan_report(self, at: int, week: list[PlannedUse]) -> None:
        if week:
            self.act(at, lambda: self._record(self._of_created(week)))

    def _of_created(self, week: list[PlannedUse]) -> list[Item]:
        return [msgspec.structs.replace(planned.use, key=planned.key.created.id) for planned in week]

    def _record(self, items: list[Item]) -> None:
        self._ledger.record_uses(self._org, self._admin(), items)

    def _rotate(self, key: PlannedKey, overlap: timedelta) -> CreatedKey:
        return self._ledger.rotate_key(self._org, self._admin(), self._found(key), overlap).successor

    def _found(self, key: PlannedKey) -> Credential:
        return self._ledger.find_key(self._org, format_id(key.created.id))

    def _admin(self) -> Actor:
        admins = [FOUNDER, SECOND_ADMIN]
        present = {member.email for member in self._org.members.values()}
        return self._org.claimed_actor(self.random.choice([email for email in admins if email in present]))

    def _organization(self) -> Organization:
        self._org = self._ledger.organization(ORGANIZATION)
        return self._org
