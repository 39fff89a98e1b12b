"""The line of each key of a TOML file."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileorg.rules.toml_lines import line_of

TEXT = '''\
version = 1  # [[rule]]
[sets]
raw = ["dng", # one
  "cr2",
  [ "a" ] ]
"a.b" = """
[[rule]]
when = 1 \\"""
"""
c.d = 5

[[rule]]
name = "one"
when = { ext = "pdf", name = ["x",
  "y"] }

[[rule]]
not = { regex = \'\'\'a"]\'\'\' }
any = [ { size = ">1" },
  { age = 1 } ]
[rule.when]
ext = 1
[[rule.part]]
a = 1
[[rule.part]]
a = 2
[profile."my profile"]
root = "~"
'''


@pytest.mark.parametrize(("keys", "line"), [
    (("version",), 1), (("sets",), 2), (("sets", "raw"), 3), (("sets", "raw", 1), 4), (("sets", "raw", 2, 0), 5),
    (("sets", "a.b"), 6), (("sets", "c", "d"), 10), (("rule", 0), 12), (("rule", 0, "name"), 13),
    (("rule", 0, "when", "name", 1), 15), (("rule", 0, "to"), 12), (("rule", 1), 17),
    (("rule", 1, "any", 1, "age"), 20), (("rule", 1, "when"), 21), (("rule", 1, "when", "ext"), 22),
    (("rule", 1, "part", 1, "a"), 26),
    (("profile", "my profile", "root"), 28), (("nothing",), 0), (("rule", 5), 12),
])  # fmt: skip
def test_a_key_has_its_line(keys: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert line_of(TEXT, keys) == line


NAMES = st.sampled_from(["a", "b-1", '"q.r"', "'[[x]]'", "rule"])
VALUES = st.recursive(
    st.sampled_from(["1", "true", '"]#"', "'''\n[[rule]]\n'''", '"""\\"""\n"""', "'{'", "07:32:00", '"\\\\"']),
    lambda inner: st.lists(inner, max_size=3).map(lambda values: "[ # ]\n" + ",\n".join(values) + "\n]"),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6), NAMES)
def test_the_nth_table_of_an_array_is_on_its_line_whatever_stands_in_values(values: list[str], name: str) -> None:
    text, lines = "", []
    for value in values:
        lines.append(text.count("\n") + 1)
        text += f"[[rule]] # {value.splitlines()[0]}\n{name} = {value}\nlast = 1\n"
    tomllib.loads(text)
    assert [line_of(text, ("rule", position)) for position in range(len(values))] == lines
    ends = [*[line - 1 for line in lines[1:]], text.count("\n")]
    assert [line_of(text, ("rule", position, "last")) for position in range(len(values))] == ends


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="a=[]{}\"'\\\n.,# ", max_size=30))
def test_any_text_is_scanned_to_its_end_or_first_fault(text: str) -> None:
    assert 0 <= line_of(text, ("a",)) <= text.count("\n") + 1
