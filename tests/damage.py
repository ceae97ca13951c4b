"""Ledgers of SQLite of which a part was overwritten."""

import sqlite3
from pathlib import Path


def damaged(file: Path) -> bytes:
    """The file with the root of its events overwritten."""
    with sqlite3.connect(file) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    return bytes(content)
