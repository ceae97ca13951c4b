"""`keyledger import`: keys and uses from the records of those who mint keys elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from audit_cli import console
from audit_cli.intake import IntakeFormatOption, take_in
from audit_cli.options import Options, command
from audit_cli.values import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_cli.progress import Progress
    from ledger.importers.cloudtrail import CloudTrailItem
    from ledger.importers.credential_report_file import CredentialReport

app = typer.Typer(rich_markup_mode=None)

PathsArgument: TypeAlias = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Files and folders, plain or gzip.")
]


@command(app, "cloudtrail")
def cloudtrail(options: Options, paths: PathsArgument, form: IntakeFormatOption = "table") -> None:
    """Import CloudTrail logs: the uses of keys.

    They also tell when keys were created, disabled and deleted. Importing the same logs again, or overlapping
    ones in any order, changes nothing.

    Example: keyledger import cloudtrail AWSLogs/
    """
    from audit_cli.session import open_session

    with open_session(options) as session:
        take_in(session, lambda bar, _warn: _cloudtrail(paths, bar), form)


@command(app, "iam-credential-report")
def iam_credential_report(
    options: Options,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="The report as CSV.")],
    generated_at: Annotated[
        int | None, typer.Option(parser=moment, metavar="TIME", help="When AWS made the report.")
    ] = None,
    form: IntakeFormatOption = "table",
) -> None:
    """Import an IAM credential report.

    It tells of each key its creation, state and last use.

    Example: keyledger import iam-credential-report report.csv --generated-at 2024-05-31T12:00:00Z
    """
    from audit_cli.session import open_session
    from audit_cli.wording import moment as shown
    from ledger.importers.iam_credential_report import assumed_generation, report_items

    with open_session(options) as session:
        report = _report(file)
        if generated_at is None and report.generated_at is None:
            generated_at = assumed_generation(report, session.now)
            console.note(
                f"The report does not say when AWS made it; {shown(generated_at)} is assumed,"
                " its newest date. Give --generated-at if you know better."
            )
        take_in(session, lambda _bar, warn: report_items(report, generated_at, session.now, warn), form)


@command(app, "iam-access-keys")
def iam_access_keys(options: Options, paths: PathsArgument, form: IntakeFormatOption = "table") -> None:
    """Import recorded ListAccessKeys answers.

    They link the slots of a credential report to access keys.

    Example: keyledger import iam-access-keys list-access-keys/*.json
    """
    from audit_cli.session import open_session
    from ledger.importers.iam_access_keys import read_access_keys

    with open_session(options) as session:
        take_in(session, lambda _bar, warn: read_access_keys(paths, session.now, warn), form)


@command(app, "gcp-service-account-keys")
def gcp_service_account_keys(
    options: Options, paths: PathsArgument, form: IntakeFormatOption = "table"
) -> None:
    """Import keys of Google service accounts.

    What the interface or `gcloud iam service-accounts keys list --format json` says. Keys that Google itself
    manages are passed over.

    Example: keyledger import gcp-service-account-keys keys/*.json
    """
    from audit_cli.session import open_session
    from ledger.importers.gcp_service_account_keys import read_service_account_keys

    with open_session(options) as session:
        take_in(session, lambda _bar, warn: read_service_account_keys(paths, session.now, warn), form)


def _report(file: Path) -> "CredentialReport":
    from ledger.importers.credential_report_file import load_credential_report, parse_credential_report

    if str(file) == "-":
        return parse_credential_report(typer.get_binary_stream("stdin"), "standard input")
    return load_credential_report(file)


def _cloudtrail(paths: list[Path], bar: "Progress") -> "Iterator[CloudTrailItem]":
    from ledger.importers.cloudtrail import cloudtrail_files, read_cloudtrail
    from ledger.importers.files import total_size

    bar.total = total_size(cloudtrail_files(paths))
    return read_cloudtrail(paths, bar.advance)
