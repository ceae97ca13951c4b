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
    UniqueConstraint,
    inspect,
    select,
)

from ledger.database import Database
from ledger.errors import LedgerUnavailable, WrongState

SCHEMA_VERSION = 1

metadata = MetaData()
_position = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("position", _position, primary_key=True, autoincrement=False),
    Column("originator_id", LargeBinary, nullable=False),
    Column("originator_version", Integer, nullable=False),
    Column("topic", String, nullable=False),
    Column("state", LargeBinary, nullable=False),
    UniqueConstraint("originator_id", "originator_version"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("key_id", LargeBinary, primary_key=True),
    Column("organization_id", LargeBinary, nullable=False),
    Column("source", String, nullable=False),
    Column("external_id", String),
    Column("account", String),
    Column("name", String),
    Column("linkage", String),
    Column("state", String, nullable=False),
    Column("fingerprint", LargeBinary),
    Column("expires_at", BigInteger),
    Column("overlap_ends_at", BigInteger),
    Column("successor_id", LargeBinary),
    Column("scopes", String, nullable=False),
    Column("named_by", LargeBinary),
    Column("linked_by", LargeBinary),
    sqlite_with_rowid=False,
)
organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", LargeBinary, primary_key=True),
    Column("name", String, nullable=False, unique=True),
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
    Column("application_name", String, primary_key=True),
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
        for column in ("external_id", "name", "linkage")
    ),
    _PARTIAL_INDEX.format("UNIQUE INDEX", "", column="fingerprint"),
)

# OR REPLACE would delete the standing row without firing a delete trigger, so the insert itself is guarded:
# an event goes to the end of the ledger and its place in its stream must be free.
_SQLITE_GUARDS = (
    """CREATE TRIGGER events_are_appended BEFORE INSERT ON events
       WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events)
         OR EXISTS (SELECT 1 FROM events
                    WHERE originator_id = NEW.originator_id AND originator_version = NEW.originator_version)
       BEGIN
           SELECT RAISE(ABORT, 'events are only appended, each at the next position and at a free place');
       END""",
    """CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
       BEGIN SELECT RAISE(ABORT, 'events are immutable: UPDATE is refused'); END""",
    """CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
       BEGIN SELECT RAISE(ABORT, 'events are immutable: DELETE is refused'); END""",
)


def create_schema(database: Database) -> None:
    """Make the tables and the guards, all or nothing; refuse a database that holds tables already."""
    with database.read() as connection:
        _require_empty(connection, database.name)
    database.keep_journal()
    with database.write() as connection:
        _require_empty(connection, database.name)
        metadata.create_all(connection)
        for statement in (*_INDEXES, *_SQLITE_GUARDS):
            connection.exec_driver_sql(statement)
        connection.execute(about.insert().values(schema_version=SCHEMA_VERSION))


def _require_empty(connection: Connection, name: str) -> None:
    present = inspect(connection).get_table_names()
    if about.name in present:
        raise WrongState(f"{name} is a ledger already")
    if present:
        raise LedgerUnavailable(f"{name} holds the tables of something else; give a new path")


def check_schema(database: Database) -> None:
    """Refuse a database that is no ledger, or one that this version cannot read."""
    with database.read() as connection:
        if not inspect(connection).has_table(about.name):
            raise LedgerUnavailable(
                f"{database.name} is not a keyledger ledger; `keyledger init ORG` makes one"
            )
        found = schema_version(connection)
    if found != SCHEMA_VERSION:
        raise LedgerUnavailable(
            f"{database.name} has the schema version {found} and this keyledger reads {SCHEMA_VERSION};"
            " upgrade keyledger"
        )


def schema_version(connection: Connection) -> int:
    """The version of the tables at hand."""
    return int(connection.execute(select(about.c.schema_version)).scalar_one())
