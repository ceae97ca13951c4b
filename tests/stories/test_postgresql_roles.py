"""The roles that deploy/ describes, on a real server: each can do its part and nothing beyond."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from tests.door import Door
from tests.place import Place, having, plain

DEPLOY = Path(__file__).parents[2] / "deploy"
SCHEMA = re.compile(r"\bkeyledger(?=\.)|(?<=SCHEMA )keyledger\b|(?<== )keyledger\b|(?<=, )keyledger\b")
USE = '{"key": "ci", "service": "deploy", "occurred_at": "2024-05-31T12:00:00Z", "caller": "runner"}\n'
FORBIDDEN = (
    "UPDATE events SET state = '' WHERE position = 1",
    "DELETE FROM events",
    "TRUNCATE events",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "DROP TRIGGER events_are_immutable ON events",
    "CREATE OR REPLACE FUNCTION {schema}.keyledger_immutable() RETURNS trigger LANGUAGE plpgsql AS ''",
    "DROP TABLE events",
    "SET session_replication_role = replica",
    "CREATE FUNCTION {schema}.hashtext(name) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "UPDATE keyledger SET schema_version = 99",
)


@pytest.fixture
def address() -> Iterator[str]:
    with Place("postgresql").ledger() as address:
        yield address


@pytest.fixture
def doors(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Door]]:
    """Give a door for each role to a ledger that its owner has made."""
    monkeypatch.chdir(tmp_path)
    schema = address.rpartition("%3D")[2]
    names = {part: f"keyledger_{part}_{schema[-12:]}" for part in ("owner", "app", "reader")}

    def written(file: str) -> str:
        script = SCHEMA.sub(schema, (DEPLOY / file).read_text())
        script = script.replace("keyledger_views", views)
        return re.sub(r"\bkeyledger_(owner|app|reader)\b", lambda found: names[found[1]], script)

    views = f"{schema}_views"
    paths = {"owner": schema, "app": f"{views},{schema}", "reader": f"{schema},{views}"}
    doors = {
        part: Door(tmp_path, having(address, role=name, search_path=paths[part]))
        for part, name in names.items()
    }
    with plain(address) as server:
        server.execute(f"DROP SCHEMA {schema}")
        try:
            server.execute(written("roles.sql"))
            doors["owner"].found()
            with plain(doors["owner"].address) as owner:
                owner.execute(written("grants.sql"))
            yield doors
        finally:
            everyone = ", ".join(names.values())
            server.execute(
                f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema}, {views} CASCADE"
            )
            server.execute(f"CREATE SCHEMA {schema}; DROP ROLE {everyone}")


def test_the_application_can_do_all_that_the_command_does(doors: Mapping[str, Door]) -> None:
    app = doors["app"]
    secret = app.well("key", "create", "ci", "--format", "secret").out

    app.well("use", "append", "-", stdin=USE)
    app.well("check", "--service", "deploy", stdin=secret)
    rotated = app.well("key", "rotate", "ci", "--overlap", "0s", "--format", "json").json
    assert app("check", "--service", "deploy", stdin=secret).status == 1
    app.well("key", "list")
    app.well("projections", "rebuild")
    app.well("projections", "check")
    app.well("key", "revoke", rotated["id"], "--yes")
    app.well("init", "globex")

    audited = app.well("--org", "acme", "audit", "--fail-on", "none", "--format", "json").json
    assert sorted(key["use_count"] for key in audited["keys"]) == [0, 2]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_application_may_not_change_what_happened_nor_what_guards_it(
    doors: Mapping[str, Door], address: str, statement: str
) -> None:
    schema = address.rpartition("%3D")[2]

    with plain(doors["app"].address) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(statement.format(schema=schema))


@pytest.mark.parametrize("caught_up", [True, False])
def test_a_reader_audits_what_is_there_now_and_is_told_that_it_may_not_write(
    doors: Mapping[str, Door], *, caught_up: bool
) -> None:
    doors["app"].create("ci")
    if caught_up:
        doors["app"].well("key", "list")
    doors["app"].well("use", "append", "-", stdin=USE)

    listed = doors["reader"].well("key", "list", "--format", "json").json["keys"]
    audited = doors["reader"].well("audit", "--fail-on", "none", "--format", "json").json
    refused = doors["reader"]("key", "create", "other")

    assert [key["use_count"] for key in listed] == [1]
    assert audited["summary"]["keys"] == 1
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "may not be written" in refused.err
    assert "database role" in refused.err
