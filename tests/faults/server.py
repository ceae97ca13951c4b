"""A PostgreSQL server of the tests' own, which may be killed."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from tests.faults.worker import PATIENCE_S

_INITDB = (
    "initdb",
    "--auth",
    "trust",
    "--username",
    "postgres",
    "--encoding",
    "UTF8",
    "--locale",
    "C",
    "--no-sync",
)


class Server:
    """It listens on a socket in its own folder alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = _binaries()
        # The server refuses to run as root.
        self._user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres", "postgres")
        self._run(*_INITDB, "-D", "data")
        self.start()

    @property
    def address(self) -> str:
        return f"postgresql+psycopg://postgres@/postgres?host={self._folder}"

    def start(self) -> None:
        options = ("-c", "listen_addresses=", "-k", str(self._folder))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", "data", *options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **self._user,
            )
        self._await()

    def kill(self) -> None:
        """Kill all of its processes at once."""
        victims = (self._process.pid, *self._children())
        for pid in victims:
            _kill(pid)
        self._process.wait(PATIENCE_S)

    def kill_one_connection(self) -> None:
        """Kill the process of one client; the server then throws all others out and recovers by itself."""
        with self._connect() as connection:
            own = connection.info.backend_pid
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> %s LIMIT 1",
                (own,),
            ).fetchall()
        for (pid,) in rows:
            _kill(pid)

    def close(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_S)

    def _children(self) -> list[int]:
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres")

    def _await(self) -> None:
        end = monotonic() + PATIENCE_S
        while monotonic() < end:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
                sleep(0.05)
            else:
                return
        pytest.fail("the server did not start")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._bin / program, *arguments], cwd=self._folder, check=True, capture_output=True, **self._user
        )


@contextmanager
def own_server() -> Iterator[Server]:
    # pytest's own folders are closed to the server's user.
    with tempfile.TemporaryDirectory(prefix="keyledger-") as name:
        server = Server(Path(name))
        try:
            yield server
        finally:
            server.close()


def _binaries() -> Path:
    folders = [*sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True), *os.get_exec_path()]  # noqa: PTH207 - absolute
    for folder in map(Path, folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    if os.environ.get("KEYLEDGER_CI"):
        pytest.fail("PostgreSQL's server is not installed, and in CI no test may go without it")
    pytest.skip("PostgreSQL's server is not installed here")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
