"""How what was accumulated becomes rows of the read side's tables."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import ColumnClause, Connection, Insert, Table, case, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from ledger.database import insert
from ledger.events import CoverageReported
from ledger.use_scan import SQLITE
from projections import sqlite_rows
from projections.fold import Batch, E, Placed
from projections.key_row import KeyFact, KeyRow, fold
from projections.members import MemberFact, MemberRow, fold_member
from projections.reporter import Stretch, merge_stretches
from projections.sqlite_rows import Form
from projections.tables import KeyTables
from projections.tallies import Piece

_CHUNK = 500
_REPORTED = ("organization_id", "reporter", "source", "account")
_POSTGRESQL_TYPES = {bytes: "bytea", int: "int8", str: "text"}


def apply(connection: Connection, tables: KeyTables, batch: Batch) -> None:
    """Bring the rows up to what events other than uses told."""
    denials = batch.denials
    if denials:
        groups, places = zip(*sorted(denials.placed()), strict=True)
        for piece in denials.pieces(tables.denials.name, places, list(zip(*groups, strict=True))):
            add(connection, tables.denials, piece)
    _apply_key_facts(connection, tables.keys, batch.key_facts)
    _apply_members(connection, tables.members, batch.members)
    _insert(connection, tables.links, _fields(batch.links, tables.links), ignore_repeats=True)
    _insert(connection, tables.summaries, _fields(batch.summaries, tables.summaries))
    _cover(connection, tables.coverage, batch.coverage)
    _insert(connection, tables.retired, _fields(batch.retired, tables.retired))
    _insert(connection, tables.marks, [{"organization_id": o, "position": p} for o, p in batch.marks])
    _insert(connection, tables.timeline, [{"key_id": k, "position": p} for k, p in batch.timeline])


def reach(connection: Connection, tables: KeyTables, position: int, latest_at: int) -> None:
    """Say how far the rows have come; they and this commit together."""
    latest = tables.progress.c.latest_at
    latest_at_now = case((latest < latest_at, latest_at), else_=latest)
    connection.execute(tables.progress.update().values(position=position, latest_at=latest_at_now))


def add(connection: Connection, table: Table, piece: Piece) -> None:
    """Add tallies to the rows that stand; in which order they come makes no difference."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == SQLITE:
        sqlite_rows.add(driver, form_of(table), piece)
    else:
        columns = [list(column) for column in piece.columns(len(table.c))]
        rows = f"SELECT * FROM unnest({_arrays(table.c)})"  # noqa: S608 - our own names
        driver.execute(f"{_into(table)} {rows} {_on_conflict(table)}", columns)


def add_if_new(connection: Connection, table: Table, piece: Piece) -> bool:
    """Add tallies of groups that have no row yet, which PostgreSQL does faster; says whether that was so."""
    if connection.dialect.name == SQLITE:
        return False
    driver: Any = connection.connection.driver_connection
    types = [_POSTGRESQL_TYPES[column.type.python_type] for column in table.c]
    try:
        with driver.transaction(), driver.cursor() as cursor, cursor.copy(_copy(table)) as copy:
            copy.set_types(types)
            for row in zip(*piece.columns(len(table.c)), strict=True):
                copy.write_row(row)
    except driver.IntegrityError:
        return False
    return True


def _copy(table: Table) -> str:
    return f"COPY {table.name} ({', '.join(table.c.keys())}) FROM STDIN (FORMAT binary)"


def form_of(table: Table) -> Form:
    """How SQLite makes a table of counted uses, and adds to it."""
    creation = str(CreateTable(table).compile(dialect=sqlite.dialect()))
    return Form(creation, len(table.c), _into(table), _on_conflict(table))


def _into(table: Table) -> str:
    return f"INSERT INTO {table.name} ({', '.join(table.c.keys())})"


def _on_conflict(table: Table) -> str:
    """An end moves only to an earlier or later moment, or at the same one to an earlier event."""
    name = table.name
    return f"""
        ON CONFLICT ({", ".join(table.primary_key.columns.keys())}) DO UPDATE SET
            use_count = {name}.use_count + excluded.use_count,
            error_count = {name}.error_count + excluded.error_count,
            first_position = CASE WHEN (excluded.first_at, excluded.first_position)
                                       < ({name}.first_at, {name}.first_position)
                             THEN excluded.first_position ELSE {name}.first_position END,
            first_at = {_either("first_at", "<", name)},
            last_position = CASE WHEN (excluded.last_at, -excluded.last_position)
                                      > ({name}.last_at, -{name}.last_position)
                            THEN excluded.last_position ELSE {name}.last_position END,
            last_at = {_either("last_at", ">", name)}{_extent_of(table)}"""


def _extent_of(table: Table) -> str:
    if "low_position" not in table.c:
        return ""
    return f""",
            low_position = {_either("low_position", "<", table.name)},
            high_position = {_either("high_position", ">", table.name)}"""


def _either(column: str, comparison: str, name: str) -> str:
    new, old = f"excluded.{column}", f"{name}.{column}"
    return f"CASE WHEN {new} {comparison} {old} THEN {new} ELSE {old} END"


def _apply_key_facts(connection: Connection, table: Table, facts: Sequence[Placed[KeyFact]]) -> None:
    rows: dict[bytes, KeyRow] = {}
    subjects = [getattr(fact.event, "key_id", fact.stream_id) for fact in facts]
    for found in _select_in(connection, table, "key_id", set(subjects)):
        rows[found.key_id] = KeyRow(*found)
    for subject, fact in zip(subjects, facts, strict=True):
        rows[subject] = fold(rows.get(subject), fact.stream_id, fact.position, fact.event)
    _replace(connection, table, rows.values())


def _apply_members(connection: Connection, table: Table, facts: Sequence[Placed[MemberFact]]) -> None:
    rows: dict[bytes, MemberRow] = {}
    for found in _select_in(connection, table, "member_id", {fact.event.member_id for fact in facts}):
        rows[found.member_id] = MemberRow(*found)
    for fact in facts:
        rows[fact.event.member_id] = fold_member(rows.get(fact.event.member_id), fact.position, fact.event)
    _replace(connection, table, rows.values())


def _cover(connection: Connection, table: Table, placed: Sequence[Placed[CoverageReported]]) -> None:
    """A row for each stretch without a gap, however many heartbeats it is made of."""
    told: dict[tuple[bytes, str, str | None, str | None], list[Stretch]] = defaultdict(list)
    for each in placed:
        said = each.event
        by_whom = (said.organization_id, said.reporter, said.source, said.account)
        told[by_whom].append(Stretch(said.covers_from, said.covers_to, each.position))
    for by_whom, new in told.items():
        names = dict(zip(_REPORTED, by_whom, strict=True))
        ours = [table.c[name].is_not_distinct_from(value) for name, value in names.items()]
        columns = (table.c[name] for name in Stretch.__struct_fields__)
        known = [Stretch(*row) for row in connection.execute(select(*columns).where(*ours))]
        merged = merge_stretches([*known, *new])
        gone = [each.position for each in set(known) - set(merged)]
        connection.execute(table.delete().where(table.c.position.in_(gone)))
        added = sorted(set(merged) - set(known))
        _insert(connection, table, [names | msgspec.structs.asdict(each) for each in added])


def _replace(connection: Connection, table: Table, structs: Iterable[msgspec.Struct]) -> None:
    rows = [msgspec.structs.asdict(struct) for struct in structs]
    if not rows:
        return
    upsert = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    upsert = upsert.on_conflict_do_update(
        index_elements=keys, set_={name: upsert.excluded[name] for name in rows[0] if name not in keys}
    )
    # What is unknown is left out: to hand over a NULL takes SQLite's driver longer than to store it.
    alike: dict[tuple[str, ...], list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        said = {name: value for name, value in row.items() if value is not None}
        alike[tuple(said)].append(said)
    for part in alike.values():
        _execute_many(connection, upsert, part)


def _insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    ignore_repeats: bool = False,
) -> None:
    if rows:
        statement = insert(connection, table)
        _execute_many(connection, statement.on_conflict_do_nothing() if ignore_repeats else statement, rows)


def _execute_many(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, object]]) -> None:
    """By the driver's own means: SQLAlchemy looks at each value, which takes longer than to store it."""
    compiled: Any = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    if compiled.positiontup is None:
        columns = [column for column in statement.table.c if column.name in rows[0]]
        text = _with_arrays(str(compiled), _arrays(columns))
        connection.exec_driver_sql(text, tuple([row[column.name] for row in rows] for column in columns))
    else:
        values = itemgetter(*compiled.positiontup)
        connection.exec_driver_sql(str(compiled), [values(row) for row in rows])


def _with_arrays(statement: str, arrays: str) -> str:
    """An insert of one row made one of many, in a single statement."""
    into, _, values = statement.partition(" VALUES ")
    _, conflict, resolution = values.partition(" ON CONFLICT ")
    return f"{into} SELECT * FROM unnest({arrays}){conflict}{resolution}"  # noqa: S608 - as above


def _arrays(columns: Iterable[ColumnClause[Any]]) -> str:
    return ", ".join(f"%b::{_POSTGRESQL_TYPES[column.type.python_type]}[]" for column in columns)


def _fields(placed: Iterable[Placed[E]], table: Table) -> list[dict[str, object]]:
    """The columns of a table as the events carry them."""
    names = [column.name for column in table.columns if column.name != "position"]
    with_position = "position" in table.c
    rows: list[dict[str, object]] = []
    for each in placed:
        row = {name: getattr(each.event, name) for name in names}
        rows.append(row | {"position": each.position} if with_position else row)
    return rows


def _select_in(connection: Connection, table: Table, column: str, values: Iterable[bytes]) -> list[Any]:
    wanted = list(values)
    if connection.dialect.name != SQLITE:
        return list(connection.exec_driver_sql(_look_up_each(table, column), (wanted,)))
    found: list[Any] = []
    for start in range(0, len(wanted), _CHUNK):
        query = select(table).where(table.c[column].in_(wanted[start : start + _CHUNK]))
        found.extend(connection.execute(query))
    return found


def _look_up_each(table: Table, column: str) -> str:
    """By index, which LIMIT makes sure of: of a table that is being filled the planner knows nothing."""
    names = ", ".join(table.c.keys())
    return f"""
        SELECT found.* FROM unnest(%b::bytea[]) AS asked (id) CROSS JOIN LATERAL
            (SELECT {names} FROM {table.name} WHERE {column} = asked.id LIMIT 1) AS found"""  # noqa: S608 - ours
