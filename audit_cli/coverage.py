"""`keyledger coverage` and `retire-reporter`: who told all uses, when, and who has fallen silent."""

from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

if TYPE_CHECKING:
    from projections.coverage_report import CoverageReport

app = typer.Typer(rich_markup_mode=None)

NOBODY = (
    "No reporter has declared what it covers: `keyledger use append --heartbeat` and imports do so."
    " Until one does, keys minted here count as covered where the policy says assume_coverage."
)


@command(app, "coverage")
def coverage(
    options: Options,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only reporters that are overdue.")] = False,
    form: FormatOption = "table",
) -> None:
    """Show which reporters told all uses, and when.

    An audit says `no data` where nobody vouches that all uses are known: while a service that declares
    heartbeats is silent for longer than the policy's coverage_tolerance, and for imported keys outside of
    what was imported.

    Example: keyledger coverage --overdue
    """
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.reports.coverage import coverage_text
    from audit_cli.session import open_session
    from projections.coverage_report import CoverageReport
    from projections.documents.coverage import coverage_document

    tolerance = policy_in_force(options, None, {}).coverage_tolerance
    with open_session(options) as session, session.view() as view:
        told = view.reporters(), [] if overdue else view.summarized()
        report = CoverageReport(session.organization.name, view.position, session.now, tolerance, *told)
    if overdue:
        from msgspec.structs import replace

        report = replace(report, reporters=report.overdue)
    if form == "json":
        console.result_json(coverage_document(report))
    elif report.reporters or report.summarized:
        console.result(coverage_text(report, console.width()))
        _hint(report)
    else:
        console.note("No reporter is overdue." if overdue else NOBODY)


@command(app, "retire-reporter")
def retire_reporter(
    options: Options,
    reporter: Annotated[str, typer.Argument(metavar="REPORTER", help="As `keyledger coverage` names it.")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")] = None,
) -> None:
    """Expect no more of a reporter that is gone.

    Its silence since it last declared anything means nothing then. Should it declare coverage again, it is
    expected to go on.

    Example: keyledger retire-reporter old-gateway --reason "replaced by the mesh"
    """
    from audit_cli.session import open_session
    from audit_cli.wording import moment
    from ledger.actor import require_admin
    from ledger.errors import NotFound
    from ledger.reporters import retire_reporter as retire

    with open_session(options) as session:
        require_admin(session.actor, "retire reporters")
        with session.view() as view:
            reporters = view.reporters()
        ends = [each.covered_to for each in reporters if each.name == reporter]
        if not ends:
            names = ", ".join(sorted({each.name for each in reporters})) or "none"
            raise NotFound(f"no reporter {reporter!r} has declared coverage; those that have: {names}")
        retire(session.ledger, session.organization, session.actor, reporter, reason)
    console.result(f"Retired {reporter}: it told all up to {moment(max(ends))}, no more is expected.\n")


def _hint(report: "CoverageReport") -> None:
    from audit_cli.wording import counted
    from ledger.moments import format_duration

    if count := len(report.overdue):
        are = "is" if count == 1 else "are"
        tolerated = format_duration(report.tolerance)
        console.note(
            f"{counted(count, 'reporter')} {are} overdue: more than {tolerated} (coverage_tolerance) without"
            " a word. `keyledger retire-reporter` tells of one that is gone for good."
        )
