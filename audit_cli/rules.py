"""`keyledger rules` and `keyledger explain`: what an audit asks, and why."""

from typing import Annotated

import typer

from audit_cli import console
from audit_cli.completion import complete_rule
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

app = typer.Typer(rich_markup_mode=None)


@command(app, "rules")
def rules(options: Options, form: FormatOption = "table") -> None:
    """List the rules of the audit.

    Example: keyledger rules --format json
    """
    del options
    from audit_cli.reports.rules import rules_json, rules_table
    from projections.audit.rules import RULES, RULES_VERSION

    if form == "json":
        console.result(rules_json(RULES, RULES_VERSION))
    else:
        console.result(rules_table(RULES, console.width(), color=console.is_coloured()))


@command(app, "explain")
def explain(
    options: Options,
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", autocompletion=complete_rule, help="As `keyledger rules` lists it."),
    ],
) -> None:
    """Explain a rule: what it means, what to do.

    Example: keyledger explain unused-key
    """
    del options
    from audit_cli.reports.rules import explanation
    from projections.audit.rules import find_rule

    console.result(explanation(find_rule(rule), console.width(), color=console.is_coloured()))
