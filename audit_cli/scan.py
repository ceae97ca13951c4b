"""`keyledger scan`: secrets where they should not be, and whose they are."""

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

import typer

from audit_cli import console
from audit_cli.confirmation import YesOption, confirm
from audit_cli.failures import COULD_NOT, FINDINGS, WRONG_USAGE, tell
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from audit_cli.scan_result import ScanResult
    from audit_cli.session import Session
    from audit_cli.sweep import Sweep

Form: TypeAlias = Literal["table", "json", "sarif"]
Threshold: TypeAlias = Literal["any", "live", "none"]
Tool: TypeAlias = Literal["gitleaks", "trufflehog", "detect-secrets"]

REASON = "its secret was found by keyledger scan"

app = typer.Typer(rich_markup_mode=None)


class ScanOptions(NamedTuple):
    """Where to look, whom to ask, and what is to be done about it."""

    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH|-", help="Files, folders, repositories, or standard input."),
    ] = None
    history: Annotated[
        bool, typer.Option("--history/--no-history", help="Also all that git repositories ever held.")
    ] = True
    offline: Annotated[
        bool, typer.Option("--offline", help="Go by the checksum alone: no ledger is asked, or told.")
    ] = False
    prefix: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="How secrets begin, if not as the organization's; repeatable."),
    ] = None
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What reports call the current folder, such as acme/payments."),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Record nothing, revoke nothing.")] = False
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the live keys that were found, after asking.")
    ] = False
    yes: YesOption = False
    fail_on: Annotated[
        Threshold, typer.Option(help="Exit with 3 for any secret; `live`: but not for keys that have ended.")
    ] = "any"
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = "table"
    rules: Annotated[
        Tool | None, typer.Option("--rules", help="Scan nothing, print rules for this tool instead.")
    ] = None

    def check(self) -> None:
        """BadParameter for what does not go together."""
        if not self.paths:
            raise typer.BadParameter("say what to scan: files, folders, or - for standard input")
        if self.offline and self.revoke:
            raise typer.BadParameter("--offline asks no ledger, so there is nothing to revoke")


@command(app, "scan")
def scan(options: Options, asked: ScanOptions) -> None:
    """Find secrets of keys in files, folders and git history.

    What only looks like a secret fails its checksum and is passed over. Each place that holds a key's secret
    is recorded once, for the audit's rule leaked-key. Archives are not opened, encoded text is not decoded,
    links are not followed.

    Exits with 0 where nothing was found, 3 where something was, 1 where something could not be read or a
    secret could be of a key whose pepper is missing.

    Example: keyledger scan ~/src/payments --dry-run
    """
    from audit_cli.sweep import Sweep

    if asked.rules is not None:
        from audit_cli.scan_rules import print_rules

        print_rules(options, asked.rules, asked.prefix, offline=asked.offline)
        return
    asked.check()
    if asked.revoke and not (asked.yes or asked.dry_run or console.is_interactive()):
        tell("nobody can be asked here; nothing was scanned: repeat the command with --yes to mean --revoke")
        raise typer.Exit(WRONG_USAGE)
    sweep = Sweep(asked.paths or [], asked.prefix, asked.label, history=asked.history)
    if asked.offline:
        result = _unasked(sweep)
        _print(result, asked.form, sweep.here)
    else:
        result = _looked_up(options, sweep, asked)
    if result.reaches(asked.fail_on):
        raise typer.Exit(FINDINGS)
    if result.haul.unreadable_count or result.doubt:
        raise typer.Exit(COULD_NOT)


def _unasked(sweep: "Sweep") -> "ScanResult":
    from audit_cli.scan_result import unasked
    from ledger.secret import DEFAULT_PREFIX

    return unasked(sweep.run([DEFAULT_PREFIX]))


def _looked_up(options: Options, sweep: "Sweep", asked: ScanOptions) -> "ScanResult":
    """Scan, ask the ledger whose the secrets are, and do what is to be done about them."""
    from audit_cli.scan_result import looked_up
    from audit_cli.session import open_session
    from ledger.actor import require_admin
    from ledger.ids import parse_id
    from ledger.leaks import DOING, LeakedAt, Leaks

    with open_session(options) as session:
        if not asked.dry_run:
            require_admin(session.actor, f"{DOING}, or scan with --dry-run")
        result = looked_up(session, sweep.run([session.organization.secret_prefix]))
        if result.keys and not asked.dry_run:
            leaks = [LeakedAt(parse_id(key.id), str(place)) for key in result.keys for place in key.places]
            result.recorded = Leaks(session.ledger, session.organization, session.actor).report(leaks)
        _print(result, asked.form, sweep.here)
        if asked.revoke and result.live:
            _revoke(session, result, asked)
        elif result.live:
            ids = " ".join(key.short_id for key in result.live)
            console.note(f"What works still can be ended: keyledger key revoke {ids}")
    return result


def _revoke(session: "Session", result: "ScanResult", asked: ScanOptions) -> None:
    from audit_cli.key_revoke import revoke_all

    count = len(result.live)
    which = "this key" if count == 1 else f"these {count} keys"
    if asked.dry_run:
        console.note(f"Nothing was revoked; without --dry-run {which} would be.")
        return
    if not asked.yes:
        confirm(f"Revoke {which} for good?")
    # The result, which may be JSON, is what was found.
    revoke_all(session, [session.key(key.id) for key in result.live], REASON, say=console.note)


def _print(result: "ScanResult", form: Form, here: str) -> None:
    from audit_cli.reports.scan import render_scan, summary

    console.result(render_scan(result, form, here))
    for line in summary(result):
        console.note(line)
    if result.doubt:
        tell(result.doubt)
