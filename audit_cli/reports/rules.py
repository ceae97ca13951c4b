"""The texts of `keyledger rules` and `keyledger explain`."""

import msgspec

from audit_cli.reports.columns import GAP, SEVERITY_WIDTH, columns
from audit_cli.reports.terminal import MIN_WIDTH, painted, wrapped
from projections.audit.judging import Need
from projections.audit.remedy import aws_remedy_template, remedy_template
from projections.audit.rule import Rule

RULES_SCHEMA = "keyledger.rules/1"

_DESCRIPTION = ("id", "severity", "title", "meaning", "reason", "method", "resolution")
_INDENT = "  "


def rules_table(rules: tuple[Rule, ...], width: int = 80, *, color: bool = False) -> str:
    """The rules with severity and meaning, in lines of at most `width` characters (60 at least)."""
    taken = max(len(rule.id) for rule in rules) + SEVERITY_WIDTH + 2 * GAP
    room = max(width - taken, MIN_WIDTH // 2)
    rows = [(rule.id, painted(rule.severity, color=color), wrapped(rule.meaning, room)) for rule in rules]
    return columns(("Rule", "Severity", "Meaning"), rows) + "\n"


def rules_json(rules: tuple[Rule, ...], rules_version: str) -> str:
    """The rules as `keyledger.rules/1`."""
    described = [_described(rule) for rule in rules]
    text = msgspec.json.encode({"schema": RULES_SCHEMA, "rules_version": rules_version, "rules": described})
    return msgspec.json.format(text, indent=2).decode() + "\n"


def explanation(rule: Rule, width: int = 80, *, color: bool = False) -> str:
    """What a finding means, why it matters, how it is computed, what to do, and which controls ask for it."""
    width = max(width, MIN_WIDTH)
    commands = dict.fromkeys((remedy_template(rule.action), aws_remedy_template(rule.action)))
    # A command stays on its line however long, so that it can be copied.
    sections = (
        ("Why it matters", [_paragraph(rule.reason, width)]),
        ("How it is computed", [_paragraph(rule.method, width)]),
        ("What it can judge", [_paragraph(_judging(rule), width)]),
        (
            "What to do",
            [_paragraph(rule.resolution, width), *(_INDENT * 2 + command for command in commands)],
        ),
        ("Controls", [_paragraph(str(control), width) for control in rule.controls]),
    )
    parts = [f"{rule.id} ({painted(rule.severity, color=color)})", wrapped(rule.meaning, width)]
    parts += ["\n".join((heading, *paragraphs)) for heading, paragraphs in sections]
    return "\n\n".join(parts) + "\n"


def _paragraph(text: str, width: int) -> str:
    return wrapped(text, width, indent=_INDENT)


def _judging(rule: Rule) -> str:
    """Of which keys the rule is asked, what it has to know to pass one, and whether it is on by itself."""
    known = "" if rule.need is Need.NOTHING else f" It passes a key only where it is known {rule.need}."
    shy = "" if rule.default_on else " It is off unless a policy switches it on or --rule asks for it."
    return f"It is asked of {rule.scope}.{known}{shy}"


def _described(rule: Rule) -> dict[str, object]:
    texts = {name: getattr(rule, name) for name in _DESCRIPTION}
    return {**texts, "remedy": remedy_template(rule.action), "controls": rule.controls}
