"""A database past all of our code, on the driver's own connection."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from sqlalchemy.engine import make_url


@contextmanager
def plain(address: str) -> Iterator[Any]:
    if "://" not in address:
        with closing(sqlite3.connect(address, isolation_level=None, timeout=30)) as file:
            yield file
        return
    url = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(url, autocommit=True, connect_timeout=5)) as server:
        yield server
