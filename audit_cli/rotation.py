"""`keyledger rotation`: rotations from the first successor to the end of the old key."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.completion import complete_key
from audit_cli.confirmation import YesOption, confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, duration

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.rotations import Rotation

app = typer.Typer(rich_markup_mode=None)

KeyArgument = Annotated[
    str,
    typer.Argument(metavar="KEY", autocompletion=complete_key, help="The old key or its successor."),
]
QuietOption = Annotated[
    timedelta,
    typer.Option(
        "--quiet-for",
        parser=duration,
        metavar="DURATION",
        help="So long the old key must be silent.",
        show_default="24h",
    ),
]
_ONE_DAY = timedelta(days=1)


@command(app, "status")
def status(
    options: Options,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", autocompletion=complete_key, help="Only this rotation.")
    ] = None,
    quiet_for: QuietOption = _ONE_DAY,
    form: FormatOption = "table",
) -> None:
    """Show who still uses old keys, and if they can end.

    Example: keyledger rotation status --quiet-for 48h
    """
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.reports.rotations import rotations_table
    from audit_cli.session import open_session
    from projections.documents.rotations import rotations_document
    from projections.rotations import reasons_to_wait

    policy = policy_in_force(options, None, {})
    with open_session(options) as session:
        rotations, position = _rotations(session)
        if key is not None:
            rotations = [_of_key(session, rotations, key)]
        judged = [(each, reasons_to_wait(each, quiet_for, policy)) for each in rotations]
        if form == "json":
            console.result_json(rotations_document(session.organization.name, position, judged))
        elif judged:
            console.result(rotations_table(judged, session.now, console.width()))
        else:
            console.note("No rotation is open.")


@command(app, "finish")
def finish(
    options: Options,
    key: KeyArgument,
    quiet_for: QuietOption = _ONE_DAY,
    force: Annotated[bool, typer.Option("--force", help="Even where somebody would notice.")] = False,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Revoke the old key where that is safe.

    Example: keyledger rotation finish ci-github-actions
    """
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.session import open_session
    from audit_cli.wording import short_id
    from ledger.actor import require_admin
    from ledger.ids import format_id
    from projections.rotations import reasons_to_wait

    policy = policy_in_force(options, None, {})
    with open_session(options) as session:
        if not dry_run:
            require_admin(session.actor, "revoke keys")
        rotation = _of_key(session, _rotations(session)[0], key)
        old = rotation.old
        called = f"{old.name} ({short_id(old.id)})"
        _require_safe(called, reasons_to_wait(rotation, quiet_for, policy), force=force)
        if dry_run:
            console.result(f"Would revoke {called}.\n")
            console.note("Nothing was revoked.")
            return
        if not yes:
            confirm(f"Revoke the old key {called} for good?")
        if not (yes or force):
            # The answer may have taken long, and others may have used or ended one of the two meanwhile.
            rotation = _of_key(session, _rotations(session)[0], format_id(old.id))
            _require_safe(called, reasons_to_wait(rotation, quiet_for, policy), force=False)
        credential = session.key(format_id(old.id))
        session.ledger.revoke_key(session.organization, session.actor, credential, "rotation finished")
    console.result(f"Revoked {called}: its successor takes its place.\n")


@command(app, "start")
def start(
    options: Options,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY...", autocompletion=complete_key, help="Which keys.")
    ] = None,
    from_audit: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The aged keys of this report (audit --format json)."),
    ] = None,
    secrets_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file for the secrets, one JSON object a line."),
    ] = None,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=duration, metavar="DURATION", help="How long the old ones still work.", show_default="7d"
        ),
    ] = timedelta(days=7),
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be rotated.")] = False,
) -> None:
    """Rotate several keys, such as all aged ones.

    Each successor's secret is on disk in the file, which only you can read, before its key works. Of a report
    those keys are left out that were rotated since, or cannot be here.

    Example: keyledger rotation start --from-audit report.json --secrets-file new-secrets.jsonl
    """
    from audit_cli.rotation_start import start_rotations

    if not keys and from_audit is None:
        raise typer.BadParameter("say which keys, or give a report with --from-audit")
    if secrets_file is None and not dry_run:
        raise typer.BadParameter("say where the secrets go with --secrets-file")
    if secrets_file is not None and str(secrets_file) == "-":
        raise typer.BadParameter("secrets of several keys go to a file, not to standard output")
    start_rotations(options, keys or [], from_audit, secrets_file, overlap, yes=yes, dry_run=dry_run)


def _require_safe(called: str, reasons: Sequence[str], *, force: bool) -> None:
    """Say why the old key cannot end yet; leaves with 1 then, unless it is to end all the same."""
    for reason in reasons:
        console.note(f"Not yet: {reason}.")
    if reasons and not force:
        tell(f"the old key {called} was not revoked; --force does it in spite of that")
        raise typer.Exit(COULD_NOT)


def _rotations(session: "Session") -> "tuple[list[Rotation], int]":
    from projections.rotations import rotations_in

    with session.view() as view:
        return rotations_in(view, session.now), view.position


def _of_key(session: "Session", rotations: "list[Rotation]", reference: str) -> "Rotation":
    """The open rotation that a key is the old or the new one of."""
    from projections.rotations import rotation_of

    return rotation_of(rotations, session.key(reference).key_id)
