"""A policy as TOML text: read with the line of each fault, and written in its canonical form."""

import json
import re
import tomllib
from collections.abc import Collection, Iterator
from typing import Any

from projections.audit.policy import Policy
from projections.audit.policy_document import Problem, read_policy
from projections.audit.toml_lines import TomlLines

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WHERE = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)


def parse_policy(text: str, rule_ids: Collection[str]) -> tuple[Policy, list[tuple[int, str]]]:
    """The policy, and the faults of the text by line; where there are any, the policy is not to be used."""
    document, faults = parse_toml(text)
    if faults:
        return Policy(), faults
    policy, problems = read_policy(document, rule_ids)
    return policy, located(text, problems)


def parse_toml(text: str) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """What a TOML text says, or why it is none, and in which line."""
    try:
        return tomllib.loads(text), []
    except tomllib.TOMLDecodeError as error:
        found = _WHERE.fullmatch(str(error))
        last = len(text.splitlines()) or 1
        line = int(found["line"]) if found and found["line"] else last
        return {}, [(line, f"not TOML: {found['what'] if found else error}")]
    except RecursionError:
        return {}, [(1, "not TOML of a policy: its brackets are nested too deeply")]
    except ValueError:
        # As Python says of a number of thousands of digits.
        return {}, [(1, "not TOML of a policy: a value is too long to be read")]


def located(text: str, problems: list[Problem]) -> list[tuple[int, str]]:
    """The problems by the lines that they are in."""
    lines = TomlLines(text)
    return sorted((lines.line(problem.path), problem.message) for problem in problems)


def policy_toml(canonical: dict[str, Any]) -> str:
    """The TOML that is read as the policy of this canonical form."""
    return "\n".join(_written(canonical, ())) + "\n"


def _written(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, value in table.items():
        if not isinstance(value, dict | list):
            yield f"{_key(name)} = {toml_value(value)}"
    for rule_id, setting in table.get("rules", {}).items():
        yield ""
        yield f"[{'.'.join(map(_key, (*path, 'rules', rule_id)))}]"
        yield from _written(setting, path)
    for override in table.get("override", ()):
        yield ""
        yield "[[override]]"
        yield from _written(override, ("override",))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml_value(name)


def toml_value(value: str | int) -> str:
    """A text, a number or a truth as TOML writes it."""
    # JSON's texts, numbers and truths are TOML's; what a terminal would act on is spelt out.
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)
