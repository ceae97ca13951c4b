"""What a command works with: settings, the open ledger, the organization, the actor and the clock."""

import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import typer
from platformdirs import user_config_path, user_data_path

from audit_cli import console
from audit_cli.failures import WRONG_USAGE, tell
from audit_cli.options import Options
from audit_cli.progress import progress
from audit_cli.remote.login import kept_login, login_file
from ledger.actor import Actor
from ledger.credentials import Credential
from ledger.database import Database, open_database
from ledger.errors import LedgerUnavailable
from ledger.ledger import Ledger
from ledger.organization import Organization
from ledger.schema import check_schema
from ledger.secret import Peppers
from ledger.settings import SETTINGS_FILE, Settings, load_peppers, load_settings
from projections.view import View, open_past_view, open_view

SERVER_VARIABLE = "KEYLEDGER_SERVER"


class Session:
    """One command at work on one ledger; what is not asked for is not looked up."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        # One clock reading per run, by which everything printed is judged.
        self.now = clock()

    @cached_property
    def ledger(self) -> Ledger:
        """The commands on the ledger."""
        peppers = load_peppers(self.settings.pepper_file) if self.settings.pepper_file else Peppers()
        return Ledger(self.database, clock, os.urandom, peppers)

    @cached_property
    def organization(self) -> Organization:
        """The organization named, or the only one."""
        return self.ledger.organization(self.settings.org)

    @cached_property
    def actor(self) -> Actor:
        """The member that was claimed, or that the operating-system user is."""
        if self.settings.actor:
            return self.organization.claimed_actor(self.settings.actor)
        return self.organization.login_actor(login())

    def settle(self) -> None:
        """Let denials that were only counted so far be events, where that can be: readers may do without."""
        with suppress(LedgerUnavailable):
            self.ledger.settle()

    def key(self, reference: str) -> Credential:
        """The key that an argument means."""
        return self.ledger.find_key(self.organization, reference)

    @contextmanager
    def view(
        self, as_of: int | None = None, *, of_now: bool = False, at_position: int | None = None
    ) -> Iterator[View]:
        """The read side, caught up, with a bar where that takes long; `of_now` fixes it to a moment."""
        self.ledger.settle()
        organization_id = self.organization.id
        with progress("catching up") as bar:
            now = self.now if of_now else None
            opened = (
                open_view(self.database, organization_id, as_of, bar.reach, now)
                if at_position is None
                else open_past_view(self.database, organization_id, at_position, as_of, bar.reach)
            )
            with opened as view:
                bar.clear()
                yield view


def settings_of(options: Options) -> Settings:
    """The settings that apply here."""
    files = [Path(SETTINGS_FILE), user_config_path("keyledger") / SETTINGS_FILE]
    return load_settings(options.flags, os.environ, files, str(default_ledger()))


def ledger_settings(options: Options) -> Settings:
    """The settings for a command that works on the ledger itself; leaves where a server is named.

    Where somebody is logged in at one, it is said that the ledger is meant, and which.
    """
    settings = settings_without_server(options)
    if not settings.names_ledger and (login := kept_login(login_file())) is not None:
        console.aside(
            f"This is done to the ledger {settings.url}, not at {login.server}, where you are logged in."
        )
    return settings


def settings_without_server(options: Options) -> Settings:
    """The settings for what a server cannot do; leaves with one line where a server is named."""
    settings = settings_of(options)
    if settings.server is not None:
        tell(f"this needs the ledger itself{_instead(options)}")
        raise typer.Exit(WRONG_USAGE)
    return settings


def _instead(options: Options) -> str:
    """What to do where a server is named, by what named it."""
    if options.server:
        return ": leave out --server, and name the ledger with --ledger"
    place = SERVER_VARIABLE if os.environ.get(SERVER_VARIABLE) else f"`server` in {SETTINGS_FILE}"
    return f", and {place} names a server: name the ledger with --ledger"


def default_ledger() -> Path:
    """The file that a ledger is in where nobody says otherwise."""
    return user_data_path("keyledger") / "ledger.db"


@contextmanager
def open_session(options: Options) -> Iterator[Session]:
    """Open the ledger that the settings name; closed when the block is left."""
    with session_by(ledger_settings(options)) as session:
        yield session


@contextmanager
def session_by(settings: Settings) -> Iterator[Session]:
    """The same by settings, about which nothing is said."""
    database = open_database(settings.url)
    try:
        check_schema(database)
        yield Session(settings, database)
    finally:
        database.close()


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def login() -> str:
    """The operating-system user by the system's own account; a variable such as USER is anybody's claim."""
    user_id = os.getuid()
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"uid-{user_id}"
