"""How a process of its own opens the database that this one has open."""

from pathlib import Path

from ledger import sqlite_file
from ledger.database import Database
from ledger.use_scan import SQLITE, Source


def source_of(database: Database) -> Source:
    """What the driver needs to connect; it may hold a password, so it goes through a pipe only."""
    if database.dialect.name == SQLITE:
        if database.writable:
            # Whole, or a name that begins with `file:` would be taken for an address.
            return Source(SQLITE, {"database": str(Path(database.name).absolute())})
        return Source(SQLITE, {"database": sqlite_file.reading_uri(Path(database.name)), "uri": True})
    from ledger.postgresql_server import tls_mode  # noqa: PLC0415 - only what is in use

    _, parameters = database.engine.dialect.create_connect_args(database.engine.url)
    plain = {name: value for name, value in parameters.items() if isinstance(value, str | int)}
    return Source(database.dialect.name, plain | {"sslmode": tls_mode(parameters)})
