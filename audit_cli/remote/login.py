"""The login of this system user: at which server, of which organization, by which key.

The operating system's keyring keeps the key where there is one (`pip install 'keyledger[keyring]'`), else the
file of the login does, which is its owner's alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import Any

import msgspec
from platformdirs import user_config_path

from ledger.errors import InvalidInput, LedgerUnavailable
from ledger.secret import Secret

SERVICE = "keyledger"
FILE_RIGHTS = 0o600

_OTHERS = 0o077
_MAX_FILE = 4096


class Login(msgspec.Struct, frozen=True):
    """What the file says; without a key the keyring has it."""

    server: str
    organization: str
    key_name: str
    api_key: str | None = None

    def __repr__(self) -> str:
        return f"Login({self.server!r}, {self.organization!r})"


def login_file() -> Path:
    """Where the login of this system user is."""
    return user_config_path("keyledger") / "login.json"


def read_login(path: Path) -> Login | None:
    """The login that is kept, if there is one; InvalidInput for a file that others may read or write."""
    try:
        rights = S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from None
    if rights & _OTHERS:
        raise InvalidInput(
            f"{path} holds a login and is open to others; run `chmod 600 {path}`, and rotate its key"
        )
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_FILE), type=Login)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidInput(
            f"{path} is no login; `keyledger auth logout` removes it, `keyledger auth login` makes a new one"
        ) from None


def kept_login(path: Path) -> Login | None:
    """The login as it is kept, whoever may read it; None where there is none or it is damaged."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_FILE), type=Login)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def key_of(login: Login) -> Secret | None:
    """The key of a login; None where the keyring has lost it."""
    if login.api_key is not None:
        return Secret(login.api_key)
    keyring = _keyring()
    if keyring is None:
        return None
    with _opening():
        text = keyring.get_password(SERVICE, login.server)
    return None if text is None else Secret(text)


def keep_login(path: Path, login: Login, key: Secret) -> str:
    """Keep a login and its key, in place of the one before; says where the key is."""
    before = kept_login(path)
    in_keyring = _kept_by_keyring(login.server, key)
    _write(path, login if in_keyring else msgspec.structs.replace(login, api_key=key.reveal()))
    if before is not None and not (in_keyring and before.server == login.server):
        # A keyring that does not open keeps it, which is no reason to have no login.
        with suppress(LedgerUnavailable):
            _forget_key(before)
    return "the keyring of this system" if in_keyring else str(path)


def forget_login(path: Path) -> bool:
    """Remove a login and its key; says whether there was one."""
    # Whatever is wrong with it, it goes.
    login = kept_login(path)
    if login is not None:
        _forget_key(login)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _kept_by_keyring(server: str, key: Secret) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        with _opening():
            keyring.set_password(SERVICE, server, key.reveal())
    except LedgerUnavailable:
        return False
    return True


def _forget_key(login: Login) -> None:
    keyring = None if login.api_key is not None else _keyring()
    if keyring is None:
        return
    with _opening():
        if keyring.get_password(SERVICE, login.server) is not None:
            keyring.delete_password(SERVICE, login.server)


def _write(path: Path, login: Login) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_RIGHTS)
        with os.fdopen(number, "wb") as file:
            file.write(msgspec.json.encode(login))
            file.flush()
            os.fsync(number)
        new.replace(path)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from None


def _keyring() -> Any:  # noqa: ANN401 - a module that may be missing
    """The keyring that works here; None without the package, or where it found none."""
    try:
        import keyring
        from keyring.backends.fail import Keyring as NoKeyring
    except ModuleNotFoundError:
        return None
    found = keyring.get_keyring()
    return None if isinstance(found, NoKeyring) or found.priority <= 0 else keyring


@contextmanager
def _opening() -> Iterator[None]:
    from keyring.errors import KeyringError

    try:
        yield
    except KeyringError:
        raise LedgerUnavailable(
            "the keyring of this system does not open; unlock it, or set KEYLEDGER_API_KEY"
        ) from None
