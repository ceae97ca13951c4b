import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ledger.database import in_memory, open_database, sqlite_path
from ledger.errors import LedgerUnavailable
from ledger.events import Authentication, KeyUsed, MemberDetails
from ledger.ledger import Ledger
from ledger.schema import check_schema, create_schema, events
from ledger.usage import Use
from tests.world import START, Clock, World

NOBODY = 65534
NEW = {"originator_id": b"a", "originator_version": 1, "topic": "key-used/1", "state": b"s"}


def test_there_is_no_ledger_where_none_was_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match=r"there is no ledger at .*`keyledger init ORG` makes one"):
        open_database(str(tmp_path / "ledger.db"))

    assert not list(tmp_path.glob("ledger*"))


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_is_no_ledger(tmp_path: Path, *, create: bool) -> None:
    with pytest.raises(LedgerUnavailable, match="is a folder, not a ledger; give the path of a file"):
        open_database(str(tmp_path), create=create)


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match=r"the folder .*/missing does not exist; make it first"):
        open_database(str(tmp_path / "missing" / "ledger.db"), create=True)

    assert not (tmp_path / "missing").exists()


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LedgerUnavailable):
        open_database(str(tmp_path / "file" / "ledger.db"), create=True)


@pytest.mark.parametrize("create", [True, False])
def test_a_name_that_the_file_system_does_not_take_is_refused(tmp_path: Path, *, create: bool) -> None:
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        open_database(str(tmp_path / ("x" * 300)), create=create)


@pytest.mark.parametrize(
    "name",
    [
        "ledger.db",
        "with space.db",
        "100%25.db",
        "what?.db",
        "#1.db",
        "ünïcode.db",
        "mode=memory",
        "a&b=c.db",
        "\udcff.db",
    ],
    ids=ascii,
)
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    database = open_database(str(tmp_path / name), create=True)
    create_schema(database)
    database.close()

    assert (tmp_path / name).stat().st_size > 0
    open_database(str(tmp_path / name)).close()


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/var/lib/ledger.db", "/var/lib/ledger.db"),
        ("ledger.db", "ledger.db"),
        ("sqlite:////var/lib/ledger.db", "/var/lib/ledger.db"),
        ("sqlite:///ledger.db", "ledger.db"),
        ("sqlite+pysqlite:///ledger.db", "ledger.db"),
    ],
)
def test_an_address_is_a_path_or_a_url(address: str, path: str) -> None:
    assert sqlite_path(address) == Path(path)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/zoe")

    assert sqlite_path("~/ledger.db") == Path("/home/zoe/ledger.db")


def test_the_home_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(LedgerUnavailable, match="there is no such user"):
        open_database("~no-such-user/ledger.db")


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "://", "nonsense://"])
def test_an_address_without_a_file_is_refused(address: str) -> None:
    with pytest.raises(LedgerUnavailable):
        open_database(address)


def test_another_database_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(LedgerUnavailable, match="'mysql' databases are not supported") as refusal:
        open_database("mysql://root:hunter2@db.example.com/ledger")

    assert "hunter2" not in str(refusal.value)


def test_a_write_that_fails_leaves_nothing(world: World) -> None:
    before = world.rows()

    def append_and_fail() -> None:
        with world.database.write() as connection:
            connection.execute(events.insert().values(position=3, **NEW))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        append_and_fail()

    assert world.rows() == before


def test_a_taken_place_is_told_as_such_and_not_as_an_unavailable_ledger(world: World) -> None:
    with pytest.raises(IntegrityError), world.database.write() as connection:
        connection.execute(events.insert().values(position=1, **NEW))


def test_a_statement_that_the_database_cannot_run_is_an_unavailable_ledger(world: World) -> None:
    with (
        pytest.raises(LedgerUnavailable, match="not a keyledger ledger"),
        world.database.read() as connection,
    ):
        connection.execute(text("SELECT * FROM elsewhere"))
    with pytest.raises(LedgerUnavailable, match="syntax error"), world.database.read() as connection:
        connection.execute(text("SELEKT"))


def test_a_read_sees_one_state_however_much_is_written_meanwhile(world: World) -> None:
    created = world.create()

    with world.database.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
        world.record([Use(created.id, "payments", START)])
        after = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()

    assert before == after == len(world.rows()) - 1


def test_threads_of_one_process_append_in_turn(world: World) -> None:
    created = world.create()

    def append() -> None:
        for number in range(20):
            world.record([Use(created.id, "payments", START - number)])

    threads = [Thread(target=append) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(world.told(KeyUsed)) == 120
    positions = [row.position for row in world.rows()]
    assert positions == list(range(1, len(positions) + 1))


def test_a_ledger_in_memory_lives_as_long_as_its_object() -> None:
    database = in_memory()
    create_schema(database)

    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one() == 0
    database.close()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may do everything, so root becomes somebody else for a while; anybody else stays who he is."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(
    not hasattr(os, "setresuid"), reason="rights are tried where a process can change its user"
)
class TestWithoutTheRights:
    RIGHTS = "change the rights of the file and its folder"
    CLOSED = "the file cannot be opened; check the path and its rights"

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        # pytest's own folder is closed to everyone else.
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            world = World(str(folder / "ledger.db"))
            world.create()
            world.database.close()
            (folder / "ledger.db").chmod(0o644)
            yield folder
            folder.chmod(0o755)

    @staticmethod
    def read_and_try_to_write(path: Path) -> str:
        """The ledger is read as usual; returns what is said to one who writes."""
        database = open_database(str(path))
        check_schema(database)
        ledger = Ledger(database, Clock(), os.urandom)
        org = ledger.organization()
        assert ledger.find_key(org, "billing").name == "billing"
        assert not database.writable
        ledger.settle()
        with pytest.raises(LedgerUnavailable) as refusal:
            ledger.create_organization("globex", MemberDetails("eve@example.com"), Authentication.CLAIMED)
        database.close()
        return str(refusal.value)

    def test_a_read_only_ledger_is_read_and_a_write_told_the_remedy(self, folder: Path) -> None:
        folder.chmod(0o555)
        (folder / "ledger.db").chmod(0o444)

        with as_nobody():
            assert self.RIGHTS in self.read_and_try_to_write(folder / "ledger.db")

        assert [path.name for path in folder.iterdir()] == ["ledger.db"]

    def test_a_read_only_file_in_a_folder_that_may_be_written_is_read(self, folder: Path) -> None:
        folder.chmod(0o777)
        (folder / "ledger.db").chmod(0o444)

        with as_nobody():
            assert self.RIGHTS in self.read_and_try_to_write(folder / "ledger.db")

    def test_a_read_only_ledger_that_somebody_else_writes_is_read_with_his_journal(
        self, folder: Path
    ) -> None:
        with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as writer:
            writer.execute("UPDATE credentials SET name = 'renamed'")
            writer.execute("UPDATE credentials SET name = 'billing'")
            for path in folder.iterdir():
                path.chmod(0o444)
            folder.chmod(0o555)

            with as_nobody():
                assert self.RIGHTS in self.read_and_try_to_write(folder / "ledger.db")

    def test_a_journal_that_a_dead_writer_left_is_read_too(self, folder: Path) -> None:
        # given a ledger whose last change stands in the journal alone, with nobody at work
        with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as writer:
            writer.execute("UPDATE credentials SET name = 'written last'")
            left = {
                path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")
            }
        for name, content in left.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o444)
        folder.chmod(0o555)

        # then a reader without rights sees it, or is told that he cannot read: never an older state
        with as_nobody():
            try:
                database = open_database(str(folder / "ledger.db"))
                with database.read() as connection:
                    names = connection.exec_driver_sql("SELECT name FROM credentials").scalars().all()
                database.close()
            except LedgerUnavailable as refusal:
                assert "rights" in str(refusal)  # noqa: PT017
            else:
                assert names == ["written last"]

    @pytest.mark.parametrize("create", [True, False])
    def test_a_folder_that_may_not_be_entered_is_refused(self, folder: Path, *, create: bool) -> None:
        folder.chmod(0o700 if os.geteuid() == 0 else 0o000)

        with as_nobody(), pytest.raises(LedgerUnavailable, match=self.CLOSED):
            open_database(str(folder / "ledger.db"), create=create)

    def test_a_file_that_may_not_be_read_is_refused(self, folder: Path) -> None:
        (folder / "ledger.db").chmod(0o600 if os.geteuid() == 0 else 0o000)

        with as_nobody(), pytest.raises(LedgerUnavailable, match=self.CLOSED):
            check_schema(open_database(str(folder / "ledger.db")))

    def test_no_ledger_is_made_where_the_folder_may_not_be_written(self, folder: Path) -> None:
        folder.chmod(0o555)

        with as_nobody(), pytest.raises(LedgerUnavailable, match="rights"):
            create_schema(open_database(str(folder / "new.db"), create=True))

        assert not (folder / "new.db").exists()


def test_a_password_may_hold_a_comma_and_is_never_told() -> None:
    with pytest.raises(LedgerUnavailable) as refusal:
        open_database("postgresql+psycopg://nobody:S3c,ret@127.0.0.1:1/ledger")

    assert "S3c" not in str(refusal.value)
    assert "ret" not in str(refusal.value)
