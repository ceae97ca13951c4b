"""Key records put together from the tables: one pass over each, links followed, coverage merged."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from ledger.database import driver_rows
from ledger.events import DenialReason, KeyKind, KeyState
from projections.coverage import Coverage, SummaryRow
from projections.key_outline import KeyOutline
from projections.key_record import AddressUse, CallerUse, Denial, KeyRecord
from projections.key_row import KeyRow, absorb, end_replaced
from projections.members import MemberRow
from projections.owners import Owners
from projections.summaries import earliest_told, known_since, telling_last, usage_of
from projections.tables import TABLES

T = TypeVar("T")

# A look-up costs a fifth of the enumeration's own, and there are rows by the ten thousand.
_KINDS = {kind.value: kind for kind in KeyKind}
_STATES = {state.value: state for state in KeyState}

_STAMPS = ("changed_at", "state_stamp", "name_stamp", "owner_stamp")


def read_members(connection: Connection, organization_id: bytes) -> list[MemberRow]:
    """All who are or were members of an organization, by e-mail address."""
    table = TABLES.members
    query = select(table).where(table.c.organization_id == organization_id).order_by(table.c.email)
    return [MemberRow(*row) for row in connection.execute(query)]


def read_links(connection: Connection, organization_id: bytes) -> dict[bytes, bytes]:
    """The aliases of keys with the keys that they name: links that are the only one of both their ends."""
    alias, key, links = TABLES.keys.alias(), TABLES.keys.alias(), TABLES.links
    query = (
        select(links.c.alias_id, links.c.key_id)
        .join(alias, alias.c.key_id == links.c.alias_id)
        .join(key, key.c.key_id == links.c.key_id)
        .where(alias.c.organization_id == organization_id, key.c.organization_id == organization_id)
        .where(
            func.coalesce(alias.c.account, key.c.account, "")
            == func.coalesce(key.c.account, alias.c.account, "")
        )
    )
    pairs = connection.execute(query).all()
    aliases, keys = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    return {pair[0]: pair[1] for pair in pairs if aliases[pair[0]] == keys[pair[1]] == 1}


def read_records(
    connection: Connection, organization_id: bytes, key_ids: Collection[bytes] | None = None
) -> list[KeyRecord]:
    """The records of an organization's keys, or of some keys and their aliases, by name and then id."""
    assembly = _Assembly(connection, organization_id, key_ids)
    return sorted(assembly.records(), key=attrgetter("name", "id"))


def read_outlines(connection: Connection, organization_id: bytes) -> list[KeyOutline]:
    """The same of all keys without their uses, which are much less to read."""
    rows = _Assembly(connection, organization_id, None).key_rows()
    return sorted(map(_outline, rows.values()), key=attrgetter("name", "id"))


class _Assembly:
    """The rows of an organization, grouped by the key that they belong to once aliases are followed."""

    def __init__(
        self, connection: Connection, organization_id: bytes, key_ids: Collection[bytes] | None
    ) -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._links = read_links(connection, organization_id)
        self._wanted = None if key_ids is None else self._names_of(key_ids)
        self._owners = Owners(read_members(connection, organization_id))
        self._coverage = Coverage(connection, organization_id)
        self._key_names: dict[bytes, str | None] = {}

    def key_rows(self) -> dict[bytes, KeyRow]:
        """What events of the keys themselves say of them."""
        rows = {row[0]: KeyRow(*row) for row in self._rows(TABLES.keys)}
        end_replaced(rows.values())
        if self._wanted is not None:
            rows = {key_id: row for key_id, row in rows.items() if key_id in self._wanted}
        for alias_id, key_id in self._links.items():
            if alias_id in rows and key_id in rows:
                absorb(rows[key_id], rows.pop(alias_id))
        return rows

    def records(self) -> Iterable[KeyRecord]:
        rows = self.key_rows()
        uses = self._grouped(TABLES.usage, _caller_use)
        addresses = self._grouped(TABLES.addresses, _address_use)
        denials = self._grouped(TABLES.denials, _denial)
        summaries = self._grouped(TABLES.summaries, SummaryRow._make)
        # What has become a record is given up at once: of very many keys there is not twice the room.
        for key_id in list(rows):
            yield self._record(
                rows.pop(key_id),
                tuple(uses.pop(key_id, ())),
                tuple(addresses.pop(key_id, ())),
                tuple(denials.pop(key_id, ())),
                summaries.pop(key_id, ()),
            )

    def _key_name(self, key_id: bytes | None) -> str | None:
        """What a key is called that made another."""
        if key_id is None:
            return None
        if key_id not in self._key_names:
            keys = TABLES.keys
            query = select(keys.c.name).where(
                keys.c.key_id == key_id, keys.c.organization_id == self._organization_id
            )
            self._key_names[key_id] = self._connection.execute(query).scalar()
        return self._key_names[key_id]

    def _names_of(self, key_ids: Collection[bytes]) -> set[bytes]:
        meant = {self._links.get(key_id, key_id) for key_id in key_ids}
        return meant | {alias for alias, key in self._links.items() if key in meant}

    def _rows(self, table: Table) -> Iterable[Any]:
        keys = TABLES.keys
        # Stamps decide between the names of a linked key, and come last in the row.
        unread = () if self._links else _STAMPS
        columns = [column for column in table.c if column.name not in unread]
        query = select(*columns)
        wanted = None if self._wanted is None else table.c.key_id.in_(self._wanted)
        if table is keys:
            query = query.where(keys.c.organization_id == self._organization_id)
            if wanted is not None:
                # The other keys of the same slot tell when this one was replaced.
                query = query.where(wanted | keys.c.external_id.in_(select(keys.c.external_id).where(wanted)))
        else:
            if wanted is not None:
                query = query.where(wanted)
            ours = select(keys.c.key_id).where(keys.c.organization_id == self._organization_id)
            query = query.where(table.c.key_id.in_(ours))
        return driver_rows(self._connection, query.order_by(*table.primary_key))

    def _grouped(self, table: Table, make: Callable[[tuple[Any, ...]], T]) -> dict[bytes, list[T]]:
        place = table.c.keys().index("key_id")
        groups: dict[bytes, list[T]] = defaultdict(list)
        links = self._links
        for row in self._rows(table):
            key_id = row[place]
            groups[links.get(key_id, key_id)].append(make(row))
        return groups

    def _record(
        self,
        row: KeyRow,
        uses: tuple[CallerUse, ...],
        addresses: tuple[AddressUse, ...],
        denials: tuple[Denial, ...],
        summaries: Sequence[SummaryRow],
    ) -> KeyRecord:
        first_used_at, last_used_at, use_count = usage_of(uses, summaries)
        summarized_from, summarized_from_position = earliest_told(summaries)
        owner = self._owners.owner(row.owner_id, row.owner_name)
        created_by = self._owners.name(row.created_by_id) or row.created_by_name
        return KeyRecord(
            id=row.key_id,
            name=_name(row),
            kind=_KINDS[row.kind],
            source=row.source,
            state=_STATES[row.state],
            known_since=known_since(row.known_since, first_used_at, last_used_at, summaries),
            external_id=row.external_id,
            account=row.account,
            masked=row.masked,
            owner=owner.name,
            owner_departed_at=owner.departed_at,
            scopes=tuple(row.scopes.split()) if row.scopes else (),
            created_at=row.created_at,
            created_by=created_by or self._key_name(row.created_by_id),
            expires_at=row.expires_at,
            disabled_at=row.disabled_at,
            revoked_at=row.revoked_at,
            rotated_at=row.rotated_at,
            overlap_ends_at=row.overlap_ends_at,
            successor_id=row.successor_id,
            created_position=row.created_position,
            state_position=row.state_position,
            rotated_position=row.rotated_position,
            revoked_position=row.revoked_position,
            owner_position=row.owner_position,
            owner_departed_position=owner.departed_position,
            expiry_position=row.expiry_position,
            inventory_position=row.inventory_position,
            summary_position=telling_last(summaries),
            summarized_from=summarized_from,
            summarized_from_position=summarized_from_position,
            first_used_at=first_used_at,
            last_used_at=last_used_at,
            use_count=use_count,
            error_count=sum([use.error_count for use in uses]),
            uses=uses,
            addresses=addresses,
            denials=denials,
            covered=self._coverage.covered(row.source, row.account, summaries),
            reporters=self._coverage.reporters_of(row.source),
        )


def _name(row: KeyRow) -> str:
    return row.name or row.external_id or ""


def _outline(row: KeyRow) -> KeyOutline:
    kind, state = _KINDS[row.kind], _STATES[row.state]
    return KeyOutline(row.key_id, _name(row), kind, state, row.expires_at, row.overlap_ends_at)


def _caller_use(row: tuple[Any, ...]) -> CallerUse:
    return CallerUse(row[1], row[2] or None, *row[3:])


def _address_use(row: tuple[Any, ...]) -> AddressUse:
    return AddressUse(row[1], row[2], row[4], row[5], row[7])


def _denial(row: tuple[Any, ...]) -> Denial:
    _, reason, service, caller, count, _, first_at, last_at, _, last_position = row
    return Denial(DenialReason(reason), service, caller or None, count, first_at, last_at, last_position)
