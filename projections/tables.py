"""The read side's tables, and how accumulated events become rows of them."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from types import UnionType
from typing import Any, get_args

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    case,
    inspect,
    select,
)
from sqlalchemy.types import TypeEngine

from ledger.database import insert
from ledger.schema import text_type
from projections.fold import Batch, E, Group, Placed, Tally
from projections.key_row import KeyFact, KeyRow, fold
from projections.members import MemberFact, MemberRow, fold_member

# Raise it whenever a table or the meaning of a column changes: the next reader then rebuilds.
READ_MODEL_VERSION = 1

_CHUNK = 500
_COLUMN_TYPES: dict[type, TypeEngine[Any]] = {bytes: LargeBinary(), int: BigInteger(), str: text_type}


class KeyTables:
    """One set of tables; a suffix makes a shadow set to rebuild into."""

    def __init__(self, suffix: str = "") -> None:
        self.metadata = MetaData()
        self._suffix = suffix
        self.keys = self._struct_table("keys", KeyRow, "key_id")
        self.members = self._struct_table("members", MemberRow, "member_id")
        self.usage = self._tally_table("key_usage", key_id=LargeBinary, service=text_type, caller=text_type)
        self.days = self._tally_table("key_days", key_id=LargeBinary, day=BigInteger)
        self.addresses = self._tally_table("key_addresses", key_id=LargeBinary, source_ip=text_type)
        self.denials = self._tally_table(
            "key_denials", key_id=LargeBinary, reason=text_type, service=text_type, caller=text_type
        )
        self.timeline = self._table(
            "key_timeline",
            Column("key_id", LargeBinary, primary_key=True),
            Column("position", BigInteger, primary_key=True),
        )
        self.links = self._table(
            "key_links",
            Column("alias_id", LargeBinary, primary_key=True),
            Column("key_id", LargeBinary, primary_key=True),
        )
        self.summaries = self._table(
            "key_summaries",
            Column("position", BigInteger, primary_key=True, autoincrement=False),
            Column("key_id", LargeBinary, nullable=False),
            Column("occurred_at", BigInteger, nullable=False),
            Column("covers_from", BigInteger, nullable=False),
            Column("covers_to", BigInteger, nullable=False),
            Column("first_used_at", BigInteger),
            Column("last_used_at", BigInteger),
            Column("count", BigInteger),
        )
        self.coverage = self._table(
            "reported_coverage",
            Column("position", BigInteger, primary_key=True, autoincrement=False),
            Column("organization_id", LargeBinary, nullable=False),
            Column("reporter", text_type, nullable=False),
            Column("source", text_type),
            Column("account", text_type),
            Column("covers_from", BigInteger, nullable=False),
            Column("covers_to", BigInteger, nullable=False),
        )
        self.progress = self._table(
            "read_model",
            Column("version", BigInteger, primary_key=True, autoincrement=False),
            Column("position", BigInteger, nullable=False),
            Column("latest_at", BigInteger, nullable=False),
        )

    @property
    def tallies(self) -> tuple[Table, Table, Table, Table]:
        """The tables of counted uses and denials."""
        return (self.usage, self.days, self.addresses, self.denials)

    def create(self, connection: Connection) -> None:
        """Make the tables, empty, at position 0."""
        self.metadata.create_all(connection, checkfirst=False)
        connection.execute(self.progress.insert().values(version=READ_MODEL_VERSION, position=0, latest_at=0))

    def drop(self, connection: Connection) -> None:
        """Remove those of the tables that there are."""
        self.metadata.drop_all(connection)

    def rename(self, connection: Connection) -> None:
        """Make a shadow set the one that readers read."""
        for table in self.metadata.sorted_tables:
            live = table.name.removesuffix(self._suffix)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO {live}")

    def exist(self, connection: Connection) -> bool:
        """Whether the tables are there in the version that this code keeps."""
        if not inspect(connection).has_table(self.progress.name):
            return False
        return connection.execute(select(self.progress.c.version)).scalar() == READ_MODEL_VERSION

    def position(self, connection: Connection) -> int:
        """The position of the last event that the rows tell of."""
        return int(connection.execute(select(self.progress.c.position)).scalar_one())

    def latest_at(self, connection: Connection) -> int:
        """The latest moment that any of these events tells of."""
        return int(connection.execute(select(self.progress.c.latest_at)).scalar_one())

    def apply(self, connection: Connection, batch: Batch, position: int) -> None:
        """Bring the rows up to a position; rows and position commit together."""
        for table, tallies in zip(
            self.tallies, (batch.usage, batch.days, batch.addresses, batch.denials), strict=True
        ):
            _upsert_tallies(connection, table, tallies)
        self._apply_key_facts(connection, batch.key_facts)
        self._apply_members(connection, batch.members)
        _insert(connection, self.links, _fields(batch.links, self.links), ignore_repeats=True)
        _insert(connection, self.summaries, _fields(batch.summaries, self.summaries))
        _insert(connection, self.coverage, _fields(batch.coverage, self.coverage))
        _insert(connection, self.timeline, [{"key_id": k, "position": p} for k, p in batch.timeline])
        latest = self.progress.c.latest_at
        latest_at = case((latest < batch.latest_at, batch.latest_at), else_=latest)
        connection.execute(self.progress.update().values(position=position, latest_at=latest_at))

    def _apply_key_facts(self, connection: Connection, facts: Sequence[Placed[KeyFact]]) -> None:
        rows: dict[bytes, KeyRow] = {}
        subjects = [getattr(fact.event, "key_id", fact.stream_id) for fact in facts]
        for found in _select_in(connection, self.keys, "key_id", set(subjects)):
            rows[found.key_id] = KeyRow(*found)
        for subject, fact in zip(subjects, facts, strict=True):
            rows[subject] = fold(rows.get(subject), fact.stream_id, fact.position, fact.event)
        _replace(connection, self.keys, rows.values())

    def _apply_members(self, connection: Connection, facts: Sequence[Placed[MemberFact]]) -> None:
        rows: dict[bytes, MemberRow] = {}
        ids = {fact.event.member_id for fact in facts}
        for found in _select_in(connection, self.members, "member_id", ids):
            rows[found.member_id] = MemberRow(*found)
        for fact in facts:
            rows[fact.event.member_id] = fold_member(rows.get(fact.event.member_id), fact.event)
        _replace(connection, self.members, rows.values())

    def _struct_table(self, name: str, struct: type[msgspec.Struct], key: str) -> Table:
        columns = []
        for field in msgspec.structs.fields(struct):
            kind = get_args(field.type)[0] if isinstance(field.type, UnionType) else field.type
            optional = isinstance(field.type, UnionType)
            columns.append(
                Column(field.name, _COLUMN_TYPES[kind], primary_key=field.name == key, nullable=optional)
            )
        return self._table(name, *columns)

    def _tally_table(self, name: str, **groups: TypeEngine[Any] | type[TypeEngine[Any]]) -> Table:
        group_columns = [Column(group, kind, primary_key=True) for group, kind in groups.items()]
        tally_columns = [Column(field, BigInteger, nullable=False) for field in Tally.__struct_fields__]
        return self._table(name, *group_columns, *tally_columns)

    def _table(self, name: str, *columns: Column[Any]) -> Table:
        return Table(name + self._suffix, self.metadata, *columns, sqlite_with_rowid=False)


def _upsert_tallies(connection: Connection, table: Table, tallies: Mapping[Group, Tally]) -> None:
    """Add counts to the rows that stand; an end moves only to a strictly earlier or later moment."""
    if not tallies:
        return
    names = table.c.keys()
    places = ", ".join([_placeholder(connection)] * len(names))
    upsert = f"""
        INSERT INTO {table.name} ({", ".join(names)}) VALUES ({places})
        ON CONFLICT ({", ".join(table.primary_key.columns.keys())}) DO UPDATE SET
            use_count = {table.name}.use_count + excluded.use_count,
            error_count = {table.name}.error_count + excluded.error_count,
            first_position = CASE WHEN excluded.first_at < {table.name}.first_at
                             THEN excluded.first_position ELSE {table.name}.first_position END,
            first_at = CASE WHEN excluded.first_at < {table.name}.first_at
                       THEN excluded.first_at ELSE {table.name}.first_at END,
            last_position = CASE WHEN excluded.last_at > {table.name}.last_at
                            THEN excluded.last_position ELSE {table.name}.last_position END,
            last_at = CASE WHEN excluded.last_at > {table.name}.last_at
                      THEN excluded.last_at ELSE {table.name}.last_at END,
            high_position = excluded.high_position"""  # noqa: S608 - names of our own tables
    # Sorted, so that the rows go into the tree from left to right.
    rows = [
        (*group, *msgspec.structs.astuple(tally))
        for group, tally in sorted(tallies.items(), key=itemgetter(0))
    ]
    connection.exec_driver_sql(upsert, rows)


def _placeholder(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _replace(connection: Connection, table: Table, structs: Iterable[msgspec.Struct]) -> None:
    rows = [msgspec.structs.asdict(struct) for struct in structs]
    if not rows:
        return
    upsert = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    upsert = upsert.on_conflict_do_update(
        index_elements=keys, set_={name: upsert.excluded[name] for name in rows[0] if name not in keys}
    )
    connection.execute(upsert, rows)


def _insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    ignore_repeats: bool = False,
) -> None:
    if rows:
        statement = insert(connection, table)
        connection.execute(statement.on_conflict_do_nothing() if ignore_repeats else statement, rows)


def _fields(placed: Iterable[Placed[E]], table: Table) -> list[dict[str, object]]:
    """The columns of a table as the events carry them."""
    names = [column.name for column in table.columns if column.name != "position"]
    with_position = "position" in table.c
    rows: list[dict[str, object]] = []
    for each in placed:
        row = {name: getattr(each.event, name) for name in names}
        rows.append(row | {"position": each.position} if with_position else row)
    return rows


def _select_in(connection: Connection, table: Table, column: str, values: Iterable[bytes]) -> list[Any]:
    wanted = list(values)
    found: list[Any] = []
    for start in range(0, len(wanted), _CHUNK):
        query = select(table).where(table.c[column].in_(wanted[start : start + _CHUNK]))
        found.extend(connection.execute(query))
    return found
