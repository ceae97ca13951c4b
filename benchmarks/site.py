"""Where one run works: a temporary folder, schemas of a PostgreSQL server, the large ledgers it shares."""

import secrets
from contextlib import ExitStack
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks import audited
from benchmarks.address import conninfo, in_schema
from benchmarks.bulk import BulkLedger
from benchmarks.errors import NotMeasured
from benchmarks.scale import Scale
from benchmarks.subject import Subject, found_ledger


class Site:
    """Where ledgers and their peers are made; all of it is taken away when the site is closed."""

    def __init__(self, folder: Path, scale: Scale, server: str | None) -> None:
        self.scale = scale
        self.server = server
        self._folder = folder
        self._made = ExitStack()
        self._files = 0
        self._bulk: dict[bool, BulkLedger] = {}
        self._audited: Subject | None = None

    def path(self) -> Path:
        """A new file's path."""
        self._files += 1
        return self._folder / f"{self._files}.db"

    def ledger(self, *, on_postgresql: bool = False) -> Subject:
        """A new ledger with one organization and no keys."""
        subject = found_ledger(self.schema() if on_postgresql else str(self.path()))
        self._made.callback(subject.close)
        return subject

    def bulk(self, *, on_postgresql: bool = False) -> BulkLedger:
        """The run's one large ledger of that database; whoever needs more events in it adds them."""
        if on_postgresql not in self._bulk:
            subject = self.ledger(on_postgresql=on_postgresql)
            self._bulk[on_postgresql] = BulkLedger(subject, self.scale.keys, self.scale.events)
        return self._bulk[on_postgresql]

    def audited(self) -> Subject:
        """The run's one ledger of very many keys to audit."""
        if self._audited is None:
            self._audited = self.ledger()
            audited.fill(self._audited, self.scale.audited_keys)
        return self._audited

    def schema(self) -> str:
        """The address of a new schema on the server."""
        if self.server is None:
            raise NotMeasured("it needs a PostgreSQL server; name one with --postgresql")
        name = f"bench_{secrets.token_hex(6)}"
        self._command("CREATE SCHEMA {}", name)
        self._made.callback(self._command, "DROP SCHEMA {} CASCADE", name)
        return in_schema(self.server, name)

    def close(self) -> None:
        """Take everything away that is outside the folder."""
        self._made.close()

    def _command(self, statement: str, schema: str) -> None:
        with psycopg.connect(conninfo(self.server or ""), autocommit=True) as connection:
            connection.execute(SQL(statement).format(Identifier(schema)))
