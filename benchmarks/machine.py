"""What the figures were measured on, without names or places."""

import os
import platform
import sqlite3

import msgspec
import psycopg
from sqlalchemy.exc import ArgumentError

from benchmarks.address import conninfo
from benchmarks.errors import NotMeasured

_GIGABYTE = 1 << 30
_MAJOR = 10_000


class Machine(msgspec.Struct, frozen=True):
    """The machine and the software that set the pace."""

    cores: int
    memory_gb: int
    system: str
    python: str
    sqlite: str
    postgresql: str | None

    def __str__(self) -> str:
        server = f", PostgreSQL {self.postgresql}" if self.postgresql else ""
        return (
            f"{self.cores} cores, {self.memory_gb} GB, {self.system},"
            f" Python {self.python}, SQLite {self.sqlite}{server}"
        )


def this_machine(server: str | None) -> Machine:
    """The facts of the machine at hand, and of the server that is asked."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cores=os.cpu_count() or 1,
        memory_gb=round(pages / _GIGABYTE),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        postgresql=None if server is None else _server_version(server),
    )


def _server_version(server: str) -> str:
    try:
        with psycopg.connect(conninfo(server)) as connection:
            number = connection.info.server_version
    except (psycopg.Error, ArgumentError) as error:
        raise NotMeasured(f"no server answers at the address of --postgresql: {error}") from error
    return f"{number // _MAJOR}.{number % _MAJOR}"
