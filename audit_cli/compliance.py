"""`keyledger audit --compliance`: the report control by control."""

from typing import TYPE_CHECKING

import typer

from audit_cli import console
from audit_cli.reports.formats import Format

if TYPE_CHECKING:
    from projections.audit.policy import Policy
    from projections.audit.report import AuditReport

FORMATS = (Format.TABLE, Format.JSON, Format.CSV, Format.MARKDOWN, Format.HTML)


def check_compliance_options(pack: str, form: Format, rules: list[str] | None, since: str | None) -> None:
    """Refuse what does not go with a pack, before the long work begins."""
    from projections.policies import load_pack

    load_pack(pack)
    if rules:
        raise typer.BadParameter(
            "a pack asks the rules of its controls; leave out --rule", param_hint="--rule"
        )
    if since is not None:
        raise typer.BadParameter(
            "it compares findings, not controls; leave out --compliance", param_hint="--since"
        )
    if form not in FORMATS:
        choices = ", ".join(FORMATS)
        raise typer.BadParameter(f"with --compliance it must be one of {choices}", param_hint="--format")


def deliver_compliance(
    pack_id: str, policy: "Policy", report: "AuditReport", form: Format, target: console.Target
) -> bool:
    """Print what the audit means for each control of a pack; returns whether one failed."""
    from audit_cli.reports.compliance import render_compliance
    from audit_cli.reports.control_texts import tally
    from projections.audit.compliance import ControlStatus, comply
    from projections.policies import load_pack

    found = comply(load_pack(pack_id), policy, report)
    target.write(render_compliance(found, form, width=console.width()))
    if target.path is not None:
        console.note(f"Wrote {target.path}. {tally(found)}")
    return bool(found.summary[ControlStatus.FAILED])
