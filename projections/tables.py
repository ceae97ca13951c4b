"""The read side's tables."""

from collections.abc import Collection
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
    inspect,
    select,
)
from sqlalchemy.types import TypeEngine

from ledger.schema import text_type
from projections.key_row import KeyRow
from projections.members import MemberRow
from projections.tallies import Tally

# Raise it whenever a table or the meaning of a column changes: the next reader then rebuilds.
READ_MODEL_VERSION = 7

_COLUMN_TYPES: dict[type, type[TypeEngine[Any]] | TypeEngine[Any]] = {
    bytes: LargeBinary,
    int: BigInteger,
    str: text_type,
}


class KeyTables:
    """One set of tables; a suffix makes a shadow set to rebuild into, of all tables or of `only` some."""

    def __init__(self, suffix: str = "", only: Collection[str] | None = None) -> None:
        self.metadata = MetaData()
        self.suffix = suffix
        self.keys = self._struct_table("keys", KeyRow, "key_id")
        self.members = self._struct_table("members", MemberRow, "member_id")
        self.usage = self._tally_table("key_usage", key_id=LargeBinary, service=text_type, caller=text_type)
        self.days = self._tally_table("key_days", finds_events=True, day=BigInteger, key_id=LargeBinary)
        self.addresses = self._tally_table("key_addresses", key_id=LargeBinary, source_ip=text_type)
        self.denials = self._tally_table(
            "key_denials", key_id=LargeBinary, reason=text_type, service=text_type, caller=text_type
        )
        self.timeline = self._table(
            "key_timeline",
            Column("key_id", LargeBinary, primary_key=True),
            Column("position", BigInteger, primary_key=True),
        )
        self.marks = self._table(
            "key_marks",
            Column("organization_id", LargeBinary, primary_key=True),
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
            Column("reporter", text_type, nullable=False),
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
        self.retired = self._table(
            "retired_reporters",
            Column("position", BigInteger, primary_key=True, autoincrement=False),
            Column("organization_id", LargeBinary, nullable=False),
            Column("reporter", text_type, nullable=False),
            Column("occurred_at", BigInteger, nullable=False),
        )
        self.progress = self._table(
            "read_model",
            Column("version", BigInteger, primary_key=True, autoincrement=False),
            Column("position", BigInteger, nullable=False),
            Column("latest_at", BigInteger, nullable=False),
            Column("builder", LargeBinary),
        )
        if only is not None:
            for table in self.metadata.sorted_tables:
                if table.name not in {self.progress.name, *(name + suffix for name in only)}:
                    self.metadata.remove(table)

    @property
    def has_lives(self) -> bool:
        """Whether there are tables of anything but counted uses."""
        return self.keys.name in self.metadata.tables

    def create(self, connection: Connection, builder: bytes | None = None) -> None:
        """Make the tables, empty, at position 0; `builder` is who is going to fill them."""
        self.metadata.create_all(connection, checkfirst=False)
        connection.execute(
            self.progress.insert().values(
                version=READ_MODEL_VERSION, position=0, latest_at=0, builder=builder
            )
        )

    def drop(self, connection: Connection) -> None:
        """Remove those of the tables that there are."""
        self.metadata.drop_all(connection)

    def rename(self, connection: Connection, to: "KeyTables") -> None:
        """Give those of the tables that there are the names of another set's."""
        present = set(inspect(connection).get_table_names())
        for table in self.metadata.sorted_tables:
            if table.name in present:
                name = table.name.removesuffix(self.suffix) + to.suffix
                connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO {name}")

    def hold(self, connection: Connection) -> None:
        """Keep the tables in place until the transaction ends, which must not have begun to read.

        In PostgreSQL a transaction would find the tables that a rebuild swaps in meanwhile, but none of
        their rows. In SQLite it sees the old tables anyway.
        """
        if connection.dialect.name != "sqlite":
            names = ", ".join(table.name for table in self.metadata.sorted_tables)
            connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")

    def exist(self, connection: Connection) -> bool:
        """Whether the tables are there in the version that this code keeps."""
        if not inspect(connection).has_table(self.progress.name):
            return False
        return connection.execute(select(self.progress.c.version)).scalar() == READ_MODEL_VERSION

    def builder(self, connection: Connection) -> bytes | None:
        """Who is filling the tables; None where they are not there."""
        if not inspect(connection).has_table(self.progress.name):
            return None
        return connection.execute(select(self.progress.c.builder)).scalar()

    def position(self, connection: Connection) -> int:
        """The position of the last event that the rows tell of."""
        return int(connection.execute(select(self.progress.c.position)).scalar_one())

    def latest_at(self, connection: Connection) -> int:
        """The latest moment that any of these events tells of."""
        return int(connection.execute(select(self.progress.c.latest_at)).scalar_one())

    def _struct_table(self, name: str, struct: type[msgspec.Struct], key: str) -> Table:
        columns = []
        for field in msgspec.structs.fields(struct):
            kind = get_args(field.type)[0] if isinstance(field.type, UnionType) else field.type
            optional = isinstance(field.type, UnionType)
            columns.append(
                Column(field.name, _COLUMN_TYPES[kind], primary_key=field.name == key, nullable=optional)
            )
        return self._table(name, *columns)

    def _tally_table(
        self, name: str, *, finds_events: bool = False, **groups: type[TypeEngine[Any]] | TypeEngine[Any]
    ) -> Table:
        group_columns = [Column(group, kind, primary_key=True) for group, kind in groups.items()]
        told = Tally.__struct_fields__ if finds_events else Tally.__struct_fields__[:-2]
        tally_columns = [Column(field, BigInteger, nullable=False) for field in told]
        return self._table(name, *group_columns, *tally_columns)

    def _table(self, name: str, *columns: Column[Any]) -> Table:
        return Table(name + self.suffix, self.metadata, *columns, sqlite_with_rowid=False)


TABLES = KeyTables()
