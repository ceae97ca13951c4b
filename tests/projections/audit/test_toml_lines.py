import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.audit.toml_lines import TomlLines, TomlPath

TEXT = '''\
# a comment, then = signs
plain = 1
"quoted key" = 2
a.dotted . key = 3
several = [
  "x = 1",
  # [not.a.table]
]
long = """
plain = 4
[neither]
"""
[table]
inside = 5 # [[comment]]
[table."in.quotes"]
deep = 6
[[list]]
first = 7
  [list.sub]
  under = 8
[[list]]
first = 9
[list.sub]
under = { inline = 10 }
[after]
end = 11
'''

LINES: list[tuple[TomlPath, int]] = [
    (("plain",), 2),
    (("quoted key",), 3),
    (("a", "dotted", "key"), 4),
    (("several",), 5),
    (("long",), 9),
    (("table",), 13),
    (("table", "inside"), 14),
    (("table", "in.quotes", "deep"), 16),
    (("list", 0), 17),
    (("list", 0, "first"), 18),
    (("list", 0, "sub"), 19),
    (("list", 0, "sub", "under"), 20),
    (("list", 1), 21),
    (("list", 1, "first"), 22),
    (("list", 1, "sub", "under"), 24),
    (("after", "end"), 26),
]


@pytest.mark.parametrize(("path", "line"), LINES, ids=str)
def test_every_key_is_found_in_its_line(path: TomlPath, line: int) -> None:
    tomllib.loads(TEXT)

    assert TomlLines(TEXT).line(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [(("list", 1, "sub", "under", "inline"), 24), (("several", 0), 5), (("nowhere",), 1), ((), 1)],
    ids=str,
)
def test_what_has_no_line_of_its_own_is_where_that_which_holds_it_begins(path: TomlPath, line: int) -> None:
    assert TomlLines(TEXT).line(path) == line


def test_windows_line_ends_change_no_line() -> None:
    windows = TomlLines(TEXT.replace("\n", "\r\n"))

    assert [windows.line(path) for path, _ in LINES] == [line for _, line in LINES]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=32)), unique=True)
)
def test_any_key_that_can_be_quoted_is_found(keys: list[str]) -> None:
    quoted = ['"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys]
    text = "".join(f"{key} = '''\n\n'''\n" for key in quoted)
    document: dict[str, Any] = tomllib.loads(text)

    lines = TomlLines(text)

    assert [lines.line((key,)) for key in document] == [3 * number + 1 for number in range(len(keys))]
