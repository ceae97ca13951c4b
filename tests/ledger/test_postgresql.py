"""Addresses of servers: when TLS is required, and which of several hosts answers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from ledger.database import Database, open_database
from ledger.errors import LedgerUnavailable
from ledger.postgresql_server import tls_mode
from ledger.schema import check_schema, create_schema
from tests.place import SERVER, Place

PORT = 54339


@pytest.fixture(autouse=True)
def _no_mode_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)


@pytest.mark.parametrize(
    ("host", "said", "mode"),
    [
        ("", None, "prefer"),
        ("/run/postgresql", None, "prefer"),
        ("localhost", None, "prefer"),
        ("127.0.0.1", None, "prefer"),
        ("::1", None, "prefer"),
        ("127.0.0.1", "allow", "allow"),
        ("127.0.0.1", "verify-full", "verify-full"),
        ("db.example.com", None, "require"),
        ("192.0.2.1", None, "require"),
        ("127.0.0.1.example.com", None, "require"),
        ("localhost,db.example.com", None, "require"),
        ("db.example.com", "require", "require"),
        ("db.example.com", "verify-ca", "verify-ca"),
        ("db.example.com", "disable", "disable"),
    ],
)
def test_tls_is_required_of_other_machines_unless_it_is_waived_in_so_many_words(
    host: str, said: str | None, mode: str
) -> None:
    assert tls_mode({"host": host, "sslmode": said}) == mode


@pytest.mark.parametrize("said", ["allow", "prefer"])
@pytest.mark.parametrize("host", ["db.example.com", "localhost,192.0.2.1"])
def test_a_mode_that_may_give_tls_up_is_refused_for_another_machine(host: str, said: str) -> None:
    with pytest.raises(LedgerUnavailable, match=f"sslmode={said} may go on without TLS; write sslmode="):
        tls_mode({"host": host, "sslmode": said})


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_the_mode_that_the_environment_names_counts_as_said(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("PGSSLMODE", mode)

    assert tls_mode({"host": "db.example.com"}) == mode
    assert tls_mode({"host": "db.example.com", "sslmode": "verify-ca"}) == "verify-ca"


def test_a_host_that_does_not_answer_is_passed_over() -> None:
    with Place("postgresql").ledger() as address:
        url = make_url(SERVER)
        user = f"{url.username}@" if url.username else ""
        alive = f"{url.host}:{url.port or 5432}"
        query = address.partition("?")[2]

        with opened(f"postgresql+psycopg://{user}127.0.0.1:1,{alive}/{url.database}?{query}") as database:
            create_schema(database)
            check_schema(database)


def test_a_server_that_does_not_answer_is_told_in_one_line() -> None:
    with pytest.raises(LedgerUnavailable) as refusal:
        open_database("postgresql+psycopg://zoe:hunter2@127.0.0.1:1/ledger")

    assert "\n" not in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@contextmanager
def opened(address: str) -> Iterator[Database]:
    with closing(open_database(address, create=True)) as database:
        yield database


def outer_address() -> str:
    """An address of this machine that is not the loopback."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return next((address for address in found if ":" not in address), "")


def binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    return found[-1].parent if found[-1].name else None


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """Give the outer address of a server with TLS that this test has started."""
    host, folder_of_programs = outer_address(), binaries()
    if not host or not folder_of_programs or not shutil.which("openssl"):
        if os.environ.get("KEYLEDGER_CI"):
            pytest.fail("no address, no initdb or no openssl, and in CI no test may go without them")
        pytest.skip("this machine has no outer address, no initdb or no openssl")
    user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with TemporaryDirectory(prefix="keyledger-") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, "postgres", "postgres")

        def run(*command: str | Path) -> None:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, **user)

        run(folder_of_programs / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "--no-sync")
        certificate = ("-subj", "/CN=keyledger", "-keyout", "data/server.key", "-out", "data/server.crt")
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *certificate)
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all trust\n")
        options = {"listen_addresses": host, "port": PORT, "ssl": "on", "unix_socket_directories": folder}
        settings = [f"--{name}={value}" for name, value in options.items()]
        with (folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [folder_of_programs / "postgres", "-D", "data", *settings],
                cwd=folder,
                stdout=log,
                stderr=log,
                **user,
            )
        try:
            await_server(host)
            yield host
        finally:
            server.terminate()
            server.wait(60)


def await_server(host: str) -> None:
    for _ in range(200):
        try:
            psycopg.connect(host=host, port=PORT, user="postgres").close()
        except psycopg.OperationalError:
            sleep(0.05)
        else:
            return
    pytest.fail("the server did not start")


def address_at(host: str, query: str = "") -> str:
    return f"postgresql+psycopg://postgres@{host}:{PORT}/postgres{query}"


@pytest.mark.parametrize("query", ["", "?sslmode=require"])
def test_a_connection_to_another_machine_has_tls(host: str, query: str) -> None:
    with opened(address_at(host, query)) as database, database.read() as connection:
        encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.exec_driver_sql(encrypted).scalar() is True


def test_a_server_without_tls_is_refused_unless_tls_is_waived(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a server that is told to do without
    with psycopg.connect(host=host, port=PORT, user="postgres", autocommit=True) as server:
        server.execute("CREATE DATABASE without_tls")
        server.execute("CREATE ROLE plain SUPERUSER LOGIN")
        ((rules,),) = server.execute("SHOW hba_file").fetchall()
        written = Path(rules).read_text()
        Path(rules).write_text("hostnossl all plain all trust\n" + "hostssl all plain all reject\n" + written)
        server.execute("SELECT pg_reload_conf()")
    sleep(0.2)
    address = f"postgresql+psycopg://plain@{host}:{PORT}/without_tls"

    # then nothing goes there in the open, unless it is said
    with pytest.raises(LedgerUnavailable):
        open_database(address)
    with opened(f"{address}?sslmode=disable") as database:
        create_schema(database)

    # nor where only the environment names the machine
    monkeypatch.setenv("PGHOST", host)
    monkeypatch.setenv("PGPORT", str(PORT))
    with pytest.raises(LedgerUnavailable, match="SSL encryption"):
        open_database("postgresql+psycopg://plain@/without_tls")
    monkeypatch.delenv("PGHOST")

    # nor where another name hides its address
    with pytest.raises(LedgerUnavailable, match="SSL encryption"):
        open_database(f"postgresql+psycopg://plain@localhost:{PORT}/without_tls?hostaddr={host}")
