"""`keyledger demo`: a realistic organization in a throw-away ledger, and its audit."""

from pathlib import Path
from typing import Annotated

import typer

from audit_cli import console
from audit_cli.options import Options, command
from audit_cli.reports.formats import Format
from audit_cli.values import OutputOption, ReportFormatOption

app = typer.Typer(rich_markup_mode=None)


@command(app, "demo")
def demo(
    options: Options,
    keys: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="How many keys.")] = 60,
    days: Annotated[int, typer.Option(min=1, max=3650, metavar="N", help="How many days of use.")] = 730,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed gives another organization.")] = 7,
    form: ReportFormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Build a realistic organization and audit it.

    Its ledger is a temporary file, which stays so that you can look around in it.

    Example: keyledger demo --keys 20 --days 365 --format html -o report.html
    """
    if any(options.flags.values()):
        raise typer.BadParameter("the demonstration has a ledger, an organization and an admin of its own")
    from tempfile import mkdtemp

    from audit_cli.audit_report import audited
    from audit_cli.delivery import deliver
    from audit_cli.demo_data import DEFAULT_END, build
    from audit_cli.session import open_session
    from audit_cli.wording import moment
    from ledger.database import open_database
    from projections.audit.policy import Policy

    target = console.Target(output)
    path = Path(mkdtemp(prefix="keyledger-demo-")) / "ledger.db"
    database = open_database(str(path), create=True)
    try:
        build(database, keys, days, seed, DEFAULT_END)
    finally:
        database.close()
    with open_session(Options(ledger=str(path))) as session:
        report = audited(session, Policy(), None, DEFAULT_END, by_day=form is Format.HTML)
    deliver(report, form, target)
    end = moment(DEFAULT_END)
    console.note(f"\nThis organization's last day is {end}. Look around in it:")
    console.note(f"  export KEYLEDGER_URL={path}\n  keyledger key list\n  keyledger audit --as-of {end}")
