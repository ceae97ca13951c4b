"""Rows as they stand, taken over into a private read model."""

from typing import Any

from sqlalchemy import Connection, Select, Table

COPIED_AT_ONCE = 5_000


def copy_rows(source: Connection, target: Connection, table: Table, query: Select[Any]) -> None:
    """Add what a query finds, which selects all columns of a table, to that table in a private database."""
    driver: Any = target.connection.driver_connection
    insert = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.c))})"  # noqa: S608 - our own name
    # In parts, as PostgreSQL's driver would hold the whole of an answer.
    found = source.execute(query, execution_options={"yield_per": COPIED_AT_ONCE})
    for part in found.partitions():
        driver.executemany(insert, part)
