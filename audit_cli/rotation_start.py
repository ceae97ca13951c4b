"""Rotating several keys at once: which, and where the secrets of the successors go."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from audit_cli import console
from audit_cli.confirmation import confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.options import Options
from audit_cli.secrets_file import SecretsFile

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.api_key import ApiKey
    from ledger.credentials import Credential

RULE = "aged-key"
REPORT_SCHEMA = "keyledger.audit/1"

_SHORT = 8
_LISTED = 5


def start_rotations(
    options: Options,
    references: Sequence[str],
    report: Path | None,
    secrets: Path | None,
    overlap: timedelta,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Rotate the keys that were named and those that a report flags as aged."""
    from audit_cli.session import open_session
    from ledger.actor import require_admin

    with open_session(options) as session:
        if not dry_run:
            require_admin(session.actor, "rotate keys")
        flagged = [] if report is None else flagged_keys(report, session.organization.name)
        chosen = {key.key_id: key for key in _named(session, references)}
        chosen |= {key.key_id: key for key in _rotatable(session, flagged)}
        if not chosen:
            console.note("There is no key to rotate.")
            return
        keys = list(chosen.values())
        if dry_run:
            console.result(_plan(session, keys))
        if dry_run or secrets is None:
            console.note("Nothing was rotated.")
            return
        if not yes:
            if console.is_interactive():
                console.note(_plan(session, keys))
            confirm(f"Rotate {'this key' if len(keys) == 1 else f'these {len(keys)} keys'}?")
        _rotate(session, keys, secrets, overlap)


class Flagged(msgspec.Struct):
    """Of a finding what is needed here."""

    rule: str
    status: str
    key_id: str
    key_name: str
    remedy: str


class _Report(msgspec.Struct):
    """Of a report what is needed here."""

    schema: str
    organization: str
    findings: list[Flagged]


def flagged_keys(path: Path, organization: str) -> list[Flagged]:
    """The open findings of age that a report has; InvalidInput for what is no report."""
    from ledger.errors import InvalidInput, LedgerUnavailable

    try:
        report = msgspec.json.decode(path.read_bytes(), type=_Report)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError:
        report = None
    if report is None or report.schema != REPORT_SCHEMA:
        raise InvalidInput(f"{path} is no report of `keyledger audit --format json`")
    if report.organization != organization:
        raise InvalidInput(f"{path} is a report on {report.organization!r}, not on {organization!r}")
    return [each for each in report.findings if (each.rule, each.status) == (RULE, "open")]


def _named(session: "Session", references: Sequence[str]) -> "list[Credential]":
    """The keys that were named; one that cannot be rotated is told before any of them is."""
    keys = [session.key(reference) for reference in references]
    for key in keys:
        _require_rotatable(session.ledger.key(session.organization, key), session.now)
    return keys


def _rotatable(session: "Session", flagged: Sequence[Flagged]) -> "Iterator[Credential]":
    """Those of the flagged keys that can be rotated here and now; of each other it is told why not."""
    from ledger.errors import Refused

    for finding in flagged:
        called = f"{finding.key_name} ({finding.key_id[:_SHORT]})"
        try:
            key = session.key(finding.key_id)
            if not key.is_minted_here:
                tell(f"left out {called}, which {key.source} minted; by hand: {finding.remedy}")
                continue
            _require_rotatable(session.ledger.key(session.organization, key), session.now)
        except Refused as error:
            tell(f"left out {called}: {error}")
        else:
            yield key


def _require_rotatable(key: "ApiKey", now: int) -> None:
    from ledger.api_key import denial
    from ledger.errors import WrongState

    if key.successor_id is not None:
        raise WrongState(f"the key {key.name!r} has been rotated already")
    refused = denial(key.state, key.expires_at, key.overlap_ends_at, now)
    if refused is not None:
        raise WrongState(f"the key {key.name!r} is {refused}")


def _plan(session: "Session", keys: "Sequence[Credential]") -> str:
    """The keys, and who will have to be given another secret."""
    from audit_cli.wording import last_used, short_id

    with session.view() as view:
        records = {record.id: record for record in view.records()}
    rows = [
        (
            record.name,
            short_id(record.id),
            record.owner,
            last_used(record, session.now),
            ", ".join(record.services),
        )
        for record in (records[key.key_id] for key in keys)
    ]
    return console.table(("To rotate", "Id", "Owner", "Last used", "Services"), rows, flexible=(0, 2, 4))


def _rotate(session: "Session", keys: "Sequence[Credential]", path: Path, overlap: timedelta) -> None:
    """Rotate one key after the other; one that cannot be is told, and keeps none of the others from it."""
    from audit_cli.wording import counted
    from ledger.errors import KeyledgerError

    left = list(keys)
    with SecretsFile(path) as file:
        try:
            for key in keys:
                if _rotate_one(session, key, file, overlap):
                    left.remove(key)
        except KeyledgerError as error:
            if len(left) == len(keys):
                raise
            tell(str(error))
    if len(left) < len(keys):
        console.note(
            f"The secrets of {counted(len(keys) - len(left), 'successor')} are in {path}."
            " See who has moved: keyledger rotation status"
        )
    if left:
        names = ", ".join(f"{key.name} ({key.key_id.hex()[:_SHORT]})" for key in left[:_LISTED])
        more = f" and {len(left) - _LISTED} more" if len(left) > _LISTED else ""
        tell(f"{counted(len(left), 'key')} left as before: {names}{more}")
        raise typer.Exit(COULD_NOT)


def _rotate_one(session: "Session", key: "Credential", file: SecretsFile, overlap: timedelta) -> bool:
    from audit_cli.wording import moment, short_id
    from ledger.errors import Conflict, NotFound, WrongState
    from ledger.key_terms import Succession

    org, actor, succession = session.organization, session.actor, Succession(keep=file.keep)
    try:
        rotated = session.ledger.rotate_key(org, actor, key, overlap, succession)
    except (Conflict, NotFound, WrongState) as error:
        tell(f"{key.name} ({short_id(key.key_id)}) was not rotated: {error}")
        file.forget()
        return False
    ends_at = moment(rotated.overlap_ends_at)
    called = f"{key.name} ({short_id(key.key_id)})"
    console.result(f"Rotated {called}: it works until {ends_at}.\n")
    file.settle()
    return True
