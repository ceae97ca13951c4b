"""Rows as they stand, taken over into a private read model."""

from typing import Any

from sqlalchemy import Connection, Select, Table

from ledger.database import driver_rows


def copy_rows(source: Connection, target: Connection, table: Table, query: Select[Any]) -> None:
    """Add what a query finds, which selects all columns of a table, to that table in a private database."""
    driver: Any = target.connection.driver_connection
    insert = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.c))})"  # noqa: S608 - our own name
    driver.executemany(insert, driver_rows(source, query))
