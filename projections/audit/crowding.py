"""Users with more active keys than a control allows, as far as it is known whose each key is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from ledger.events import KeyKind
from ledger.observation import is_slot
from projections.audit.remedy import AWS, iam_user
from projections.key_record import KeyRecord

_LISTED = 5


class Crowd(msgspec.Struct, frozen=True):
    """The active keys of one user; `unknown` says why he may have more of them than they seem."""

    user: str
    records: tuple[KeyRecord, ...]
    unknown: str | None = None


class CountedUsers(msgspec.Struct, frozen=True):
    """Of so many users with active keys, how many have more than the control allows."""

    most_active_keys: int
    users: int
    over: int


class Crowding(msgspec.Struct, frozen=True):
    """Who has too many keys, who may have, and how many active keys are of nobody that is known."""

    counted: CountedUsers
    over: tuple[Crowd, ...]
    doubtful: tuple[Crowd, ...]
    nobodys: int

    @property
    def failures(self) -> list[str]:
        """That users have too many keys, and who."""
        if not self.over:
            return []
        most = self.counted.most_active_keys
        return [f"{_users(self.over)}: more than {most} active {'key' if most == 1 else 'keys'}"]

    @property
    def gaps(self) -> list[str]:
        """Why it is not known of all keys."""
        reasons = dict.fromkeys(crowd.unknown for crowd in self.doubtful)
        gaps = [
            f"{_users([crowd for crowd in self.doubtful if crowd.unknown == reason])}: {reason}"
            for reason in reasons
        ]
        if self.nobodys:
            keys = "1 active key" if self.nobodys == 1 else f"{self.nobodys} active keys"
            gaps.append(f"{keys}: nobody tells whose")
        return gaps

    @property
    def keys(self) -> list[KeyRecord]:
        """The keys of which there are too many."""
        return [record for crowd in self.over for record in crowd.records]


def crowding(records: Iterable[KeyRecord], as_of: int, most: int) -> Crowding:
    """Count the active long-lived keys of each user, and compare with the most that are allowed."""
    by_user: dict[tuple[str, str], list[KeyRecord]] = defaultdict(list)
    nobodys = 0
    for record in records:
        if record.kind is KeyKind.LONG_LIVED and record.status(as_of) == "active":
            user = _user(record)
            if user is None:
                nobodys += 1
            else:
                by_user[record.source, user.casefold()].append(record)
    crowds = sorted(
        (crowd for keys in by_user.values() for crowd in _crowds(keys)),
        key=lambda crowd: (crowd.user, crowd.records[0].id),
    )
    over = tuple(crowd for crowd in crowds if _fewest(crowd) > most)
    unsure = (_doubted(crowd, most) for crowd in crowds if _fewest(crowd) <= most)
    counted = CountedUsers(most, len(crowds), len(over))
    return Crowding(counted, over, tuple(crowd for crowd in unsure if crowd is not None), nobodys)


def _user(record: KeyRecord) -> str | None:
    return (iam_user(record) if record.source == AWS else None) or record.owner


def _crowds(records: Sequence[KeyRecord]) -> Iterator[Crowd]:
    """The keys of one name by their accounts; where one account alone is known, all of them are of it."""
    accounts: dict[str | None, list[KeyRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda each: each.id):
        accounts[record.account].append(record)
    known = accounts.keys() - {None}
    if len(known) <= 1:
        accounts = {None: [record for keys in accounts.values() for record in keys]}
    unknown = "the account of some keys is not known" if None in accounts and len(known) > 1 else None
    for keys in accounts.values():
        yield Crowd(_user(keys[0]) or "", tuple(keys), unknown)


def _fewest(crowd: Crowd) -> int:
    """How many keys one user has at least: a slot of a report and an id may be two names of one."""
    records = crowd.records
    if crowd.unknown is not None and records[0].account is None:
        return 1
    slots = sum(is_slot(record.external_id) for record in records)
    return max(slots, len(records) - slots)


def _doubted(crowd: Crowd, most: int) -> Crowd | None:
    """The crowd with the reason why its user may have too many keys; None where he has not."""
    if crowd.unknown is not None:
        return crowd
    if len(crowd.records) > most:
        return replace(crowd, unknown="two names may be of one key; import `aws iam list-access-keys`")
    if all(record.is_minted_here or record.inventory_position for record in crowd.records):
        return None
    return replace(crowd, unknown="logs alone tell of these keys, and of none that is not used")


def _users(crowds: Sequence[Crowd]) -> str:
    users = list(dict.fromkeys(crowd.user for crowd in crowds))
    names = ", ".join(users[:_LISTED])
    more = f" and {len(users) - _LISTED} more" if len(users) > _LISTED else ""
    return f"{names}{more}"
