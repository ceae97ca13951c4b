"""Rotating several keys at once: which, and where the secrets of the successors go."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
import typer

from audit_cli import console
from audit_cli.confirmation import confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.options import Options

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.api_key import ApiKey
    from ledger.credentials import Credential
    from ledger.key_terms import CreatedKey

RULE = "aged-key"
REPORT_SCHEMA = "keyledger.audit/1"


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
        require_admin(session.actor, "rotate keys")
        flagged = [] if report is None else flagged_keys(report, session.organization.name)
        chosen = _chosen(session, [*references, *flagged])
        if not chosen:
            console.note("There is no key to rotate.")
            return
        if dry_run or not yes:
            console.note(_plan(chosen))
        if dry_run or secrets is None:
            console.note("Nothing was rotated.")
            return
        if not yes:
            confirm(f"Rotate {'this key' if len(chosen) == 1 else f'these {len(chosen)} keys'}?")
        _rotate(session, chosen, secrets, overlap)


class _Flagged(msgspec.Struct):
    rule: str
    status: str
    key_id: str


class _Report(msgspec.Struct):
    """Of a report what is needed here."""

    schema: str
    organization: str
    findings: list[_Flagged]


def flagged_keys(path: Path, organization: str) -> list[str]:
    """The ids of the keys that a report has open findings of age on; InvalidInput for what is no report."""
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
    return [each.key_id for each in report.findings if (each.rule, each.status) == (RULE, "open")]


def _chosen(session: "Session", references: Sequence[str]) -> "list[Credential]":
    """Those of the keys that can be rotated; of each other it is told why not."""
    from ledger.errors import Refused

    chosen: dict[bytes, Credential] = {}
    for reference in references:
        try:
            key = session.key(reference)
            _require_rotatable(session.ledger.key(session.organization, key), session.now)
        except Refused as error:
            tell(f"left out {reference}: {error}")
        else:
            chosen[key.key_id] = key
    return list(chosen.values())


def _require_rotatable(key: "ApiKey", now: int) -> None:
    from ledger.api_key import denial
    from ledger.errors import WrongState

    if key.successor_id is not None:
        raise WrongState("it has been rotated already")
    refused = denial(key.state, key.expires_at, key.overlap_ends_at, now)
    if refused is not None:
        raise WrongState(f"it is {refused}")


def _plan(keys: "Sequence[Credential]") -> str:
    from audit_cli.wording import short_id

    rows = [(key.name, short_id(key.key_id)) for key in keys]
    return console.table(("To rotate", "Id"), rows, flexible=(0,))


def _rotate(session: "Session", keys: "Sequence[Credential]", path: Path, overlap: timedelta) -> None:
    from audit_cli.wording import moment
    from ledger.errors import KeyledgerError
    from ledger.key_terms import Succession

    with _new_file(path) as file:
        for number, key in enumerate(keys):
            try:
                rotated = session.ledger.rotate_key(
                    session.organization,
                    session.actor,
                    key,
                    overlap,
                    Succession(keep=lambda created: _write(file, created)),
                )
            except KeyledgerError as error:
                tell(f"{key.name} was not rotated: {error}")
                tell(f"{number} of {len(keys)} keys were rotated; their secrets are in {path}")
                raise typer.Exit(COULD_NOT) from None
            ends_at = moment(rotated.overlap_ends_at)
            console.result(f"Rotated {key.name}: the old key works until {ends_at}.\n")
    console.note(f"The secrets of the successors are in {path}. See who has moved: keyledger rotation status")


def _new_file(path: Path) -> IO[bytes]:
    from ledger.errors import LedgerUnavailable

    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise LedgerUnavailable(f"{path} is there already; secrets go to a new file") from None
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from None


def _write(file: IO[bytes], created: "CreatedKey") -> None:
    """Put the secret on the disk, before the key that it opens is there."""
    from projections.documents.created import created_document

    file.write(msgspec.json.encode(created_document(created)) + b"\n")
    file.flush()
    os.fsync(file.fileno())
