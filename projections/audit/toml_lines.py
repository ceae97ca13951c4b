"""The lines on which a TOML document says what it says, since tomllib tells values alone."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

# Keys, and the numbers of the tables of an array, from the outside in.
TomlPath: TypeAlias = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY})\s*\]")
_PAIR = re.compile(rf"\s*({_KEY})\s*=(.*)", re.DOTALL)


class TomlLines:
    """The lines of one document that tomllib could read, counted from 1."""

    def __init__(self, text: str) -> None:
        self._lines: dict[TomlPath, int] = {}
        for path, line in _said(text.replace("\r\n", "\n").split("\n")):
            self._lines.setdefault(path, line)

    def line(self, path: TomlPath) -> int:
        """Where it is said; for what stands inside a value, where the value begins."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def _said(lines: list[str]) -> Iterator[tuple[TomlPath, int]]:
    tables: Counter[TomlPath] = Counter()
    table: TomlPath = ()
    number = 0
    while number < len(lines):
        first = number
        if header := _HEADER.match(lines[number]):
            table = _entered(_keys(header[2]), tables, is_array=header[1] == "[[")
            yield table, first + 1
        elif pair := _PAIR.match(lines[number]):
            number += _further_lines(pair[2], lines[number + 1 :])
            yield table + _keys(pair[1]), first + 1
        number += 1


def _entered(keys: TomlPath, tables: Counter[TomlPath], *, is_array: bool) -> TomlPath:
    """The path of the table that a header opens: in an array, the latest of its tables."""
    path: TomlPath = ()
    for key in keys[:-1]:
        path += (key,)
        if path in tables:
            path += (tables[path] - 1,)
    path += keys[-1:]
    if is_array:
        tables[path] += 1
        path += (tables[path] - 1,)
    return path


def _keys(text: str) -> TomlPath:
    """The keys of a dotted one, without quotation marks."""
    keys: list[str] = []
    inside: Any = tomllib.loads(f"{text} = 0")
    while isinstance(inside, dict):
        (key,) = inside
        keys.append(key)
        inside = inside[key]
    return tuple(keys)


def _further_lines(value: str, following: list[str]) -> int:
    """How many lines a value goes on for after its first."""
    for count in range(len(following) + 1):
        try:
            tomllib.loads("\n".join((f"value = {value}", *following[:count])))
        except tomllib.TOMLDecodeError:
            continue
        return count
    return 0
