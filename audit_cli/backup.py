"""`keyledger backup` and `keyledger restore`: a ledger in SQLite, to a file and back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.confirmation import YesOption, confirm
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from ledger.restore import Restoration

app = typer.Typer(rich_markup_mode=None)


@command(app, "backup")
def backup(
    options: Options,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
) -> None:
    """Copy the ledger into a file while it is in use.

    The copy is verified before it gets its name. Only you can read it; keep peppers elsewhere. For a ledger
    in PostgreSQL use pg_dump.

    Example: keyledger backup ledger-2024-05-31.db
    """
    from audit_cli.progress import progress
    from audit_cli.session import ledger_settings, session_by
    from ledger.backup import back_up, ledger_file

    settings = ledger_settings(options)
    ledger_file(settings.url)
    with session_by(settings) as session, progress("backing up") as bar:
        content = back_up(session.database, file, bar.reach)
        bar.clear()
        console.result(
            f"Backed up {session.database.name}, up to position {content.position:,}, to {file}.\n"
        )


@command(app, "restore")
def restore(
    options: Options,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    yes: YesOption = False,
) -> None:
    """Put a backup in the place of the ledger.

    The backup is verified first, and what would be lost is shown. The old ledger is put aside beside the new
    one. No other process may have it open.

    Example: keyledger restore ledger-2024-05-31.db
    """
    from audit_cli.progress import progress
    from audit_cli.session import clock, default_ledger, ledger_settings
    from ledger.backup import ledger_file
    from ledger.restore import prepared

    url = ledger_settings(options).url
    path = ledger_file(url)
    if url == str(default_ledger()):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with progress("verifying") as bar, prepared(file, path, bar.reach) as restoration:
        bar.clear()
        console.note(_prospect(restoration, file))
        if restoration.is_over_another and not yes:
            confirm("Put the backup in its place?")
        aside = _aside(path, clock())
        restoration.put_in_place(aside)
    console.result(f"Restored {path} from {file}, up to position {restoration.content.position:,}.\n")
    if restoration.is_over_another:
        console.result(f"The ledger that was there is now {aside}.\n")


def _prospect(restoration: "Restoration", file: Path) -> str:
    """What would be lost, in lines for whoever decides."""
    from ledger.schema import SCHEMA_VERSION

    content, standing, ledger = restoration.content, restoration.standing, restoration.ledger
    lines = [f"{file} is sound and goes up to position {content.position:,}."]
    if content.schema_version < SCHEMA_VERSION:
        lines.append("It is of an older version: run `keyledger upgrade` afterwards.")
    if not restoration.is_over_another:
        return "\n".join(lines)
    if standing is None:
        return "\n".join([*lines, f"{ledger} cannot be read: what it holds is not known."])
    lines.append(f"{ledger} goes up to position {standing.position:,}.")
    if not standing.is_continuation:
        lines.append(
            "They differ before that: the backup is of another ledger, or of one that went its own way."
        )
    if standing.lost:
        lines.append("Only in the ledger, and lost to the one restored:")
        lines += [f"  {count:,} {topic.partition('/')[0]}" for topic, count in standing.lost.items()]
    if any(topic.startswith("key-revoked/") for topic in standing.lost):
        lines.append("Keys that were revoked since would be valid again.")
    return "\n".join(lines)


def _aside(path: Path, now: int) -> Path:
    from ledger.moments import SECOND_US

    return path.with_name(
        f"{path.name}.replaced-{datetime.fromtimestamp(now / SECOND_US, UTC):%Y%m%dT%H%M%S.%fZ}"
    )
