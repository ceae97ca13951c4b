"""How fast a presented secret is answered for, against the least that any answer takes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256

from benchmarks.comparison import Comparison
from benchmarks.errors import NotMeasured
from benchmarks.pairing import Measured, paired, rate
from benchmarks.site import Site
from benchmarks.subject import Subject
from ledger.key_terms import NewKey
from ledger.secret import Secret

_SCHEMA = """
    CREATE TABLE least (fingerprint BLOB PRIMARY KEY, key_id BLOB, state TEXT, expires_at INTEGER)
    WITHOUT ROWID"""
_COPY = "SELECT fingerprint, key_id, state, expires_at FROM credentials"
_INSERT = "INSERT INTO least VALUES (?, ?, ?, ?)"
_SELECT = "SELECT key_id, state, expires_at FROM least WHERE fingerprint = ?"


def _checks(site: Site) -> Measured:
    """Both look among the same keys, one after the other."""
    subject = site.ledger()
    secrets = _minted(subject, site.scale.minted_keys)
    asked = [secrets[n % len(secrets)] for n in range(site.scale.checks)]
    with closing(sqlite3.connect(site.path())) as least:
        least.execute("PRAGMA journal_mode=WAL")
        least.execute(_SCHEMA)
        with closing(sqlite3.connect(subject.address)) as ledger:
            least.executemany(_INSERT, ledger.execute(_COPY))
        least.commit()
        return paired(
            lambda _number: rate(len(asked), partial(_check, subject, asked)),
            lambda _number: rate(len(asked), partial(_look, least, asked)),
            site.scale.rounds,
        )


def _minted(subject: Subject, count: int) -> list[Secret]:
    return [
        subject.ledger.create_key(subject.organization, subject.actor, NewKey(f"key-{n}")).secret
        for n in range(count)
    ]


def _check(subject: Subject, secrets: Sequence[Secret]) -> None:
    for secret in secrets:
        if not subject.ledger.check(secret).valid:
            raise NotMeasured("a key that was just made is not valid")


def _look(connection: sqlite3.Connection, secrets: Sequence[Secret]) -> None:
    for secret in secrets:
        fingerprint = sha256(secret.reveal().encode()).digest()
        if connection.execute(_SELECT, (fingerprint,)).fetchone() is None:
            raise NotMeasured("a key that was just made is not there")


COMPARISONS = (
    Comparison(
        "sqlite-check",
        "SQLite: Ledger.check of a secret, without recording",
        "sha256 and one prepared select by primary key, raw sqlite3",
        0.5,
        "checks/s",
        _checks,
    ),
)
