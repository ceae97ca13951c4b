"""The texts of `keyledger rules` and `keyledger explain`."""

import msgspec
from tabulate import tabulate

from audit_cli.reports.terminal import MIN_WIDTH, painted, wrapped
from projections.audit.remedy import aws_remedy_template, remedy_template
from projections.audit.rule import Rule
from projections.audit.severity import Severity

RULES_SCHEMA = "keyledger.rules/1"

_GAP = 2
_INDENT = "  "
_SEVERITY_WIDTH = max(len(severity) for severity in Severity)


def rules_table(rules: tuple[Rule, ...], width: int = 80, *, color: bool = False) -> str:
    """The rules with severity and meaning, in lines of at most `width` characters."""
    taken = max(len(rule.id) for rule in rules) + _SEVERITY_WIDTH + 2 * _GAP
    room = max(max(width, MIN_WIDTH) - taken, _SEVERITY_WIDTH)
    rows = [(rule.id, painted(rule.severity, color=color), wrapped(rule.meaning, room)) for rule in rules]
    return tabulate(rows, headers=("Rule", "Severity", "Meaning"), tablefmt="simple") + "\n"


def rules_json(rules: tuple[Rule, ...], rules_version: str) -> str:
    """The rules as `keyledger.rules/1`."""
    listed = [
        {name: _value(rule, name) for name in rule.__struct_fields__ if name != "check"} for rule in rules
    ]
    text = msgspec.json.encode({"schema": RULES_SCHEMA, "rules_version": rules_version, "rules": listed})
    return msgspec.json.format(text, indent=2).decode() + "\n"


def explanation(rule: Rule, width: int = 80, *, color: bool = False) -> str:
    """What a rule's finding means, why it matters, how it is computed, what to do, and which controls ask for it."""
    width = max(width, MIN_WIDTH)
    commands = dict.fromkeys((remedy_template(rule.action), aws_remedy_template(rule.action)))
    sections = (
        ("Why it matters", [rule.reason]),
        ("How it is computed", [rule.method]),
        ("What to do", [rule.resolution, *commands]),
        ("Controls", list(map(str, rule.controls))),
    )
    parts = [f"{rule.id} ({painted(rule.severity, color=color)})", wrapped(rule.meaning, width)]
    parts += ["\n".join((heading, *(_item(text, width) for text in texts))) for heading, texts in sections]
    return "\n\n".join(parts) + "\n"


def _item(text: str, width: int) -> str:
    return wrapped(text, width, indent=_INDENT)


def _value(rule: Rule, name: str) -> object:
    return remedy_template(rule.action) if name == "action" else getattr(rule, name)
