"""The ledger's own tables: events, and what commits together with them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
)

from ledger import sqlite_file
from ledger.database import Database
from ledger.dialect import Lock
from ledger.errors import LedgerUnavailable, WrongState
from ledger.sqlite import Sqlite

SCHEMA_VERSION = 2

metadata = MetaData()
_position = BigInteger().with_variant(Integer, "sqlite")
# Bytes compare alike on every machine; a locale's order is its own.
text_type = String().with_variant(Text(collation="C"), "postgresql")

events = Table(
    "events",
    metadata,
    Column("position", _position, primary_key=True, autoincrement=False),
    Column("originator_id", LargeBinary, nullable=False),
    Column("originator_version", Integer, nullable=False),
    Column("topic", text_type, nullable=False),
    Column("state", LargeBinary, nullable=False),
    UniqueConstraint("originator_id", "originator_version"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("key_id", LargeBinary, primary_key=True),
    Column("organization_id", LargeBinary, nullable=False),
    Column("source", text_type, nullable=False),
    Column("external_id", text_type),
    Column("account", text_type),
    Column("name", text_type),
    Column("state", text_type, nullable=False),
    Column("fingerprint", LargeBinary),
    Column("expires_at", BigInteger),
    Column("overlap_ends_at", BigInteger),
    Column("successor_id", LargeBinary),
    Column("scopes", text_type, nullable=False),
    Column("named_by", LargeBinary),
    sqlite_with_rowid=False,
)
# All that was ever said of an outside key's owner and creation, so that no order of telling hides a link.
linkages = Table(
    "linkages",
    metadata,
    Column("organization_id", LargeBinary, primary_key=True),
    Column("linkage", text_type, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", LargeBinary, primary_key=True),
    Column("name", text_type, nullable=False, unique=True),
)

denied_uses = Table(
    "denied_uses",
    metadata,
    Column("stream_id", LargeBinary, primary_key=True),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("count", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

tracking = Table(
    "tracking",
    metadata,
    Column("application_name", text_type, primary_key=True),
    Column("notification_id", BigInteger, nullable=False),
)

about = Table(
    "keyledger",
    metadata,
    Column("schema_version", Integer, primary_key=True),
)

# Plain text that both databases understand: SQLAlchemy's partial indexes import a dialect that is not in use.
_PARTIAL_INDEX = "CREATE {} credentials_by_{column} ON credentials ({}{column}) WHERE {column} IS NOT NULL"
_INDEXES = (
    *(
        _PARTIAL_INDEX.format("INDEX", "organization_id, ", column=column)
        for column in ("external_id", "name")
    ),
    _PARTIAL_INDEX.format("UNIQUE INDEX", "", column="fingerprint"),
)
# Of a thousand events one or two are no uses, and readers look for those alone.
_INDEX_OF_LIVES = "CREATE INDEX events_of_lives ON events (position) WHERE topic <> 'key-used/1'"

# What brings a ledger of a version to the next one.
_UPGRADES: dict[int, tuple[str, ...]] = {
    # Version 1 was in SQLite only.
    1: (
        _INDEX_OF_LIVES,
        """CREATE TABLE linkages (
               organization_id BLOB NOT NULL, linkage VARCHAR NOT NULL, key_id BLOB NOT NULL,
               PRIMARY KEY (organization_id, linkage, key_id)) WITHOUT ROWID""",
        """INSERT INTO linkages SELECT organization_id, linkage, key_id FROM credentials
           WHERE linkage IS NOT NULL""",
        "DROP INDEX credentials_by_linkage",
        "ALTER TABLE credentials DROP COLUMN linkage",
        "ALTER TABLE credentials DROP COLUMN linked_by",
    ),
}


def create_schema(database: Database) -> None:
    """Make the tables and the guards, all or nothing; refuse a database that holds a ledger already.

    Many processes may do so at once: one makes them, the others are refused.
    """
    with database.read() as connection:
        _require_empty(connection, database)
    if database.dialect.name == Sqlite.name:
        with database.explained():
            sqlite_file.keep_journal(database.engine)
    with database.write(Lock.SCHEMA) as connection:
        _require_empty(connection, database)
        metadata.create_all(connection, checkfirst=False)
        for statement in (*_INDEXES, _INDEX_OF_LIVES, *database.dialect.guards):
            connection.exec_driver_sql(statement)
        connection.execute(about.insert().values(schema_version=SCHEMA_VERSION))


def check_schema(database: Database) -> None:
    """Refuse a database that is no ledger, or one of another version than this code works on."""
    with database.read() as connection:
        found = _require_ledger(connection, database.name)
    if found < SCHEMA_VERSION:
        raise LedgerUnavailable(
            f"{database.name} has the schema version {found} and this keyledger works on {SCHEMA_VERSION};"
            " `keyledger upgrade` brings it up to date"
        )
    _refuse_newer(database.name, found)


def upgrade_schema(database: Database) -> tuple[int, int]:
    """Bring an older ledger up to date, all or nothing; returns the versions before and after."""
    with database.write(Lock.SCHEMA) as connection:
        found = _require_ledger(connection, database.name)
        _refuse_newer(database.name, found)
        for version in range(found, SCHEMA_VERSION):
            for statement in _UPGRADES[version]:
                connection.exec_driver_sql(statement)
        connection.execute(about.update().values(schema_version=SCHEMA_VERSION))
    return found, SCHEMA_VERSION


def schema_version(connection: Connection) -> int:
    """The version of the tables at hand."""
    return int(connection.execute(select(about.c.schema_version)).scalar_one())


def _require_empty(connection: Connection, database: Database) -> None:
    present = set(inspect(connection).get_table_names())
    if about.name in present:
        raise WrongState(f"{database.name} is a ledger already")
    # A server's schema may hold other tables beside a ledger's, a file may not.
    foreign = present if database.dialect.name == Sqlite.name else present & metadata.tables.keys()
    if foreign:
        raise LedgerUnavailable(
            f"{database.name} holds the tables of something else; give a new path or schema"
        )


def _require_ledger(connection: Connection, name: str) -> int:
    if not inspect(connection).has_table(about.name):
        raise LedgerUnavailable(f"{name} is not a keyledger ledger; `keyledger init ORG` makes one")
    return schema_version(connection)


def _refuse_newer(name: str, found: int) -> None:
    if found > SCHEMA_VERSION:
        raise LedgerUnavailable(
            f"{name} has the schema version {found} and this keyledger knows {SCHEMA_VERSION};"
            " upgrade keyledger"
        )
