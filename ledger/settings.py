"""Where the ledger is, whose it is and who asks: flags before variables before `keyledger.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ledger.errors import InvalidInput
from ledger.secret import Peppers

SETTINGS_FILE = "keyledger.toml"
NAMES = ("url", "server", "org", "actor", "pepper_file", "policy", "notify_url_file", "notify_secret_file")
MIN_PEPPER = 32

_FILES = ("pepper_file", "notify_url_file", "notify_secret_file")

# Groups may read: what systemd hands to a service shows an access list's mask in the group's place.
_EVERYBODY = 0o007
_EVERYBODY_OR_CHANGING = 0o027
_MAX_PRIVATE = 4096


class Settings(msgspec.Struct, frozen=True):
    """What a command goes by; `url` is a path or SQLAlchemy URL, `policy` a file or pack. None: not said.

    Of a ledger and a server, whichever is named nearer is meant; `names_ledger` says that the ledger is.
    """

    url: str
    org: str | None = None
    actor: str | None = None
    pepper_file: Path | None = None
    policy: str | None = None
    notify_url_file: Path | None = None
    notify_secret_file: Path | None = None
    server: str | None = None
    names_ledger: bool = False


def load_settings(
    flags: Mapping[str, str | None], environ: Mapping[str, str], files: Sequence[Path], default_url: str
) -> Settings:
    """Settle each setting by the first that says it: a flag, `KEYLEDGER_<NAME>`, the files in their order.

    Raises InvalidInput for a file that cannot be read or says what no setting is.
    """
    variables = {name: environ.get(f"KEYLEDGER_{name.upper()}") for name in NAMES}
    sources = [flags, variables, *map(_read_file, files)]
    said = {name: next((text for source in sources if (text := source.get(name))), None) for name in NAMES}
    place = next((source for source in sources if source.get("url") or source.get("server")), {})
    if place.get("url") and place.get("server"):
        raise InvalidInput("both a ledger and a server are named; name the one that is meant")
    files_said = {name: Path(path).expanduser() for name in _FILES if (path := said[name])}
    return Settings(
        url=next((url for source in sources if (url := source.get("url"))), default_url),
        server=place.get("server") or None,
        names_ledger=bool(place.get("url")),
        org=said["org"],
        actor=said["actor"],
        policy=said["policy"],
        pepper_file=files_said.get("pepper_file"),
        notify_url_file=files_said.get("notify_url_file"),
        notify_secret_file=files_said.get("notify_secret_file"),
    )


def is_policy_file(source: str) -> bool:
    """Whether a policy is named by its file; other names are those of packs."""
    return source.endswith(".toml") or "/" in source


def read_private(path: Path, what: str) -> str:
    """The text of a small file that everybody may not read, without blanks around it.

    Raises InvalidInput, which never quotes the file.
    """
    try:
        rights = path.stat().st_mode
        with path.open("rb") as file:
            raw = file.read(_MAX_PRIVATE + 1)
    except OSError as error:
        raise InvalidInput(f"{path}, for {what}, cannot be read: {error.strerror}") from None
    if rights & _EVERYBODY:
        raise InvalidInput(f"{path}, for {what}, is open to everybody; run `chmod 600 {path}`")
    text = raw.decode("utf-8", "replace").strip()
    if not text or len(raw) > _MAX_PRIVATE:
        raise InvalidInput(f"{path} does not hold {what}: it is {'too large' if text else 'empty'}")
    return text


def load_peppers(path: Path) -> Peppers:
    """The peppers in a file: `current = "2026"` and, under `[keys]`, hexadecimal of 32 bytes or more.

    Raises InvalidInput, which never quotes the file, and refuses one that all may read or a group may change.
    """
    try:
        rights = path.stat().st_mode
    except OSError as error:
        raise InvalidInput(f"the pepper file {path} cannot be read: {error.strerror}") from None
    if rights & _EVERYBODY_OR_CHANGING:
        raise InvalidInput(f"the pepper file {path} is open to others; run `chmod 600 {path}`")
    content = _read_toml(path)
    if set(content) - {"current", "keys"}:
        raise InvalidInput(f"the pepper file {path} may say `current` and `[keys]`, nothing else")
    keys = content.get("keys")
    if not isinstance(keys, dict) or not keys:
        raise InvalidInput(f'the pepper file {path} has no [keys]; write lines like 2026 = "<hexadecimal>"')
    current = content.get("current")
    if current is not None and (not isinstance(current, str) or current not in keys):
        raise InvalidInput(f"the pepper file {path} names a current pepper that is not among its [keys]")
    return Peppers(current, {pepper_id: _pepper(path, pepper_id, text) for pepper_id, text in keys.items()})


def _pepper(path: Path, pepper_id: str, text: object) -> bytes:
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        raw = b""
    if len(raw) < MIN_PEPPER:
        raise InvalidInput(
            f"the pepper {pepper_id!r} in {path} is not hexadecimal text of {MIN_PEPPER} bytes or more;"
            " make one with `openssl rand -hex 32`"
        )
    return raw


def _read_file(path: Path) -> dict[str, str]:
    """What a settings file says; its relative paths begin at its own folder. A missing file says nothing."""
    if not path.is_file():
        return {}
    content = _read_toml(path)
    for name, value in content.items():
        if name not in NAMES:
            raise InvalidInput(f"{path}: there is no setting {name!r}; the settings are {', '.join(NAMES)}")
        if not isinstance(value, str):
            raise InvalidInput(f"{path}: {name} must be a text in quotation marks")
    return {name: _from_folder(path.parent, name, value) for name, value in content.items()}


def _from_folder(folder: Path, name: str, value: str) -> str:
    is_path = (
        name in _FILES
        or (name == "url" and "://" not in value)
        or (name == "policy" and is_policy_file(value))
    )
    return str(folder / Path(value).expanduser()) if is_path and value else value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from None
