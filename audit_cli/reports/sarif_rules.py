"""The rules of a SARIF log, and the standards whose controls they answer."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from audit_cli.reports.markdown import escaped
from projections.audit.remedy import aws_remedy_template, remedy_template
from projections.audit.rule import Rule
from projections.audit.severity import Severity

Object = dict[str, Any]


def descriptors(rules: Iterable[Rule], frameworks: Sequence[str]) -> list[Object]:
    """What the log says of each rule; `frameworks` names the taxonomies in their order."""
    return [
        {
            "id": rule.id,
            "name": "".join(word.capitalize() for word in rule.id.split("-")),
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.meaning},
            "help": {"text": "\n\n".join(_help(rule)), "markdown": _markdown(rule)},
            "defaultConfiguration": {"level": level(rule.severity), "enabled": rule.default_on},
            "relationships": [
                {
                    "target": {
                        "id": control.id,
                        "toolComponent": {
                            "name": control.framework,
                            "index": frameworks.index(control.framework),
                        },
                    },
                    "kinds": ["relevant"],
                }
                for control in rule.controls
            ],
            "properties": {
                "tags": ["security", "api-keys"],
                "precision": "high",
                "security-severity": security_severity(rule.severity),
            },
        }
        for rule in rules
    ]


def taxonomies(rules: Iterable[Rule]) -> list[Object]:
    """The standards, in the order in which the rules name them, with the controls that are named."""
    named: dict[str, dict[str, str]] = {}
    for rule in rules:
        for control in rule.controls:
            named.setdefault(control.framework, {})[control.id] = control.title
    return [
        {
            "name": framework,
            "taxa": [
                {"id": number, "shortDescription": {"text": title}} for number, title in controls.items()
            ],
        }
        for framework, controls in named.items()
    ]


def level(severity: Severity) -> str:
    """The level that SARIF has for a severity."""
    match severity:
        case Severity.CRITICAL | Severity.HIGH:
            return "error"
        case Severity.MEDIUM:
            return "warning"
        case Severity.LOW | Severity.INFO:
            return "note"
        case _:
            assert_never(severity)


def security_severity(severity: Severity) -> str:
    """The score by which GitHub ranks a rule: above 9.0 is critical there, 7.0 high, 4.0 medium."""
    match severity:
        case Severity.CRITICAL:
            return "9.5"
        case Severity.HIGH:
            return "8.0"
        case Severity.MEDIUM:
            return "5.5"
        case Severity.LOW:
            return "2.0"
        case Severity.INFO:
            return "0.0"
        case _:
            assert_never(severity)


def _help(rule: Rule) -> tuple[str, ...]:
    return (rule.meaning, rule.reason, f"How it is computed: {rule.method}", f"What to do: {rule.resolution}")


def _markdown(rule: Rule) -> str:
    commands = dict.fromkeys((remedy_template(rule.action), aws_remedy_template(rule.action)))
    controls = "\n".join(f"- {escaped(str(control))}" for control in rule.controls)
    parts = [
        f"**{escaped(rule.meaning)}**",
        escaped(rule.reason),
        f"How it is computed: {escaped(rule.method)}",
        f"What to do: {escaped(rule.resolution)}",
        "```sh\n" + "\n".join(commands) + "\n```",
    ]
    return "\n\n".join([*parts, f"Controls:\n\n{controls}"] if controls else parts)
