"""Templates, folders, and free and safe names."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fileorg.core.errors import UsageError
from fileorg.core.model import By
from fileorg.core.times import kept
from fileorg.rules import template as layout
from fileorg.rules.extensions import CATEGORIES
from fileorg.rules.template import Template, parse_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))
TEXT_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).map(str.encode)
DAY_NS = 86_400 * 10**9


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    use("UTC")
    yield use
    monkeypatch.undo()
    time.tzset()


# -- templates ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("template", "canonical", "folder"),
    [
        ("{category}/{name}", "{category}/{name}", b"Images"),
        ("{category}", "{category}/{name}", b"Images"),
        ("{category}/", "{category}/{name}", b"Images"),
        ("{name}", "{name}", b""),
        ("{category}/{year}/{month}/{name}", "{category}/{year}/{month}/{name}", b"Images/2023/04"),
        ("{year}-{month}-{day}", "{year}-{month}-{day}/{name}", b"2023-04-05"),
        ("Sorted/{extension}", "Sorted/{extension}/{name}", b"Sorted/jpg"),
        (".sorted/{{{category}}}", ".sorted/{{{category}}}/{name}", b".sorted/{Images}"),
        ("{{name}}", "{{name}}/{name}", b"{name}"),
        ("a\\b/c d", "a\\b/c d/{name}", b"a\\b/c d"),
        ("...", ".../{name}", b"..."),
        ("caf\udce9", "caf\udce9/{name}", b"caf\xe9"),
    ],
)
def test_a_template_gives_a_folder(template: str, canonical: str, folder: bytes) -> None:
    parsed = parse_template(template)
    assert parsed.text == canonical
    assert parsed.folder("Images", b"jpg", ns("2023-04-05T12:00")) == folder
    assert parse_template(canonical).folder("Images", b"jpg", ns("2023-04-05T12:00")) == folder


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("", "it is empty"),
        ("/srv/{category}", "below the root"),
        ("~/Sorted", "below the root"),
        ("~", "below the root"),
        ("{category", "a single { is not allowed"),
        ("category}", "a single } is not allowed"),
        ("{}", "{} is not a field"),
        ("{0}", "{0} is not a field"),
        ("{size}", "{size} is not a field"),
        ("{name.x}", "{name.x} is not a field"),
        ("{year:>9}", "{year:>9} is not a field"),
        ("{year!r}", "{year!r} is not a field"),
        ("{category/x}", "{category/x} is not a field"),
        ("{category}/x-{name}", "may only be the whole last component"),
        ("{name}/{category}", "may only be the whole last component"),
        ("{name}/", "may only be the whole last component"),
        ("a//b", "which is empty"),
        ("{category}//", "which is empty"),
        ("a/../b", "named . or .."),
        ("./{category}", "named . or .."),
        ("a\0b", "slash or NUL"),
        (".fileorg/{category}", "reserved"),
        ("a/.fileorg{year}", "reserved"),
        ("x" * 201, "more than 200 bytes"),
    ],
)
def test_a_template_that_cannot_work_is_refused(template: str, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_template(template)
    assert fault in str(caught.value)
    assert "{category} {extension} {year} {month} {day} {name}" in caught.value.hint


def test_by_is_a_template() -> None:
    texts = [Template.for_by(by).text for by in (By.CATEGORY, By.DATE, By.EXTENSION)]
    assert texts == ["{category}/{name}", "{year}/{month}/{name}", "{extension}/{name}"]


def test_which_folders_a_template_makes_in_the_root() -> None:
    categories = ("Images", "Disk images")
    tops = {text: parse_template(text).top_folders(categories) for text in ("{name}", "a/{year}", "{category}")}
    expected = {"{name}": set(), "a/{year}": {b"a"}, "{category}": {b"Images", b"Disk images"}}
    assert tops == {text: frozenset(folders) for text, folders in expected.items()}
    assert parse_template("My {category}").top_folders(categories) == frozenset((b"My Images", b"My Disk images"))
    assert parse_template("{year}/{category}").top_folders(categories) is None
    assert parse_template("{category}-{extension}").top_folders(categories) is None


def test_whether_the_top_folders_are_the_categories() -> None:
    assert parse_template("{category}/{year}").first_component_is_category
    assert not parse_template("{category}x").first_component_is_category
    assert not parse_template("{name}").first_component_is_category


# -- folders ------------------------------------------------------------------------------------------


def test_a_file_without_an_extension_has_a_folder_too() -> None:
    assert parse_template("{extension}").folder("Other", b"", 0) == b"No extension"
    assert parse_template("x {extension}").folder("Other", b"", 0) == b"x No extension"


@pytest.mark.parametrize("extension", [b"..", b".", b"a/b", b"/", b"\0", b"x" * 300, b".fileorg"])
def test_an_extension_smuggles_nothing(extension: bytes) -> None:
    assert parse_template("{extension}").folder("Other", extension, 0) == b"No extension"


@pytest.mark.parametrize(("template", "category"), [("{category}", ""), ("{category}", ".."), (".{category}", ".")])
def test_a_category_smuggles_nothing(template: str, category: str) -> None:
    with pytest.raises(UsageError, match="the category"):
        parse_template(template).folder(category, b"jpg", 0)


def test_dates_are_local(zone: Callable[[str], None]) -> None:
    by_day = "{year}/{month}/{day}"
    late = ns("2023-12-31T23:30")
    assert parse_template(by_day).folder("", b"", late) == b"2023/12/31"
    zone("Europe/Berlin")
    assert parse_template(by_day).folder("", b"", late) == b"2024/01/01"
    zone("America/New_York")
    assert parse_template(by_day).folder("", b"", ns("2023-07-01T03:59")) == b"2023/06/30"
    assert parse_template(by_day).folder("", b"", ns("2023-07-01T04:00")) == b"2023/07/01"


@pytest.mark.usefixtures("zone")
def test_a_time_out_of_range_is_undated() -> None:
    beyond = (1 << 100, -(1 << 100), ns("9999-12-31T00:00") + DAY_NS, ns("0001-01-01T00:00") - DAY_NS)
    for mtime_ns in map(kept, beyond):
        assert parse_template("{category}/{year}/{month}").folder("Images", b"", mtime_ns) == b"Images/Undated"
        assert parse_template("{year}-{month}").folder("Images", b"", mtime_ns) == b"Undated"
        assert parse_template("{year}/{category}/{day}").folder("A", b"", mtime_ns) == b"Undated/A/Undated"
        assert parse_template("year/{year}").folder("A", b"", mtime_ns) == b"year/Undated"
    assert parse_template("{year}").folder("", b"", kept(ns("9999-12-31T00:00"))) == b"9999"
    assert parse_template("{year}").folder("", b"", kept(ns("0001-01-01T00:00"))) == b"0001"


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati"]


@pytest.mark.parametrize("name", ZONES)
def test_the_memo_of_days_agrees_with_the_clock(zone: Callable[[str], None], name: str) -> None:
    zone(name)
    template = parse_template("{year}/{month}/{day}")

    @given(st.integers(min_value=-(2**31), max_value=2**33), st.integers(min_value=0, max_value=10**9 - 1))
    @example(ns("2011-12-30T10:00") // 10**9, 0)  # Samoa skipped this day
    def agrees(seconds: int, nanoseconds: int) -> None:
        folder = template.folder("", b"", seconds * 10**9 + nanoseconds)
        assert folder == time.strftime("%Y/%m/%d", time.localtime(seconds)).encode()

    agrees()


@pytest.mark.usefixtures("zone")
def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_FOLDERS", 4)
    monkeypatch.setattr(layout, "_DAYS", 4)
    template = parse_template("{extension}/{day}")
    for number in range(1, 29):
        assert template.folder("", b"%d" % number, number * DAY_NS - 1) == b"%d/%02d" % (number, number)
    assert len(template._folders) <= 4
    assert len(template._days) <= 4


@given(
    st.lists(st.sampled_from(["{category}", "{extension}", "{year}", "{day}", "a", ".", "/", "{{"]), min_size=1),
    st.sampled_from([*CATEGORIES]),
    st.binary(max_size=30),
    st.integers(),
)
def test_a_folder_never_escapes(parts: list[str], category: str, extension: bytes, mtime_ns: int) -> None:
    try:
        template = parse_template("".join(parts))
    except UsageError:
        assume(False)
    folder = template.folder(category, extension, mtime_ns)
    for component in folder.split(b"/"):
        assert component not in {b"", b".", b".."}
        assert b"\0" not in component
        assert not component.startswith(b".fileorg")
        assert len(component) <= 255
    tops = template.top_folders(CATEGORIES)
    assert tops is None or folder.split(b"/")[0] in tops


def test_a_layout_may_be_below_a_folder() -> None:
    below = parse_template("{category}/{year}/{name}").below(b"100%s/{name}")
    assert below.folder("Images", b"jpg", 2**80) == b"100%s/{name}/Images/Undated"
    assert below.first_component_is_category
    assert parse_template("{name}").below(b"x").folder("Images", b"jpg", 0) == b"x"
    assert parse_template("{year}").below(b"Undated").folder("Images", b"jpg", 2**80) == b"Undated/Undated"
