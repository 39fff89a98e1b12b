"""Reading `fileorg.toml`: what a good file becomes, and the line and the way out of each fault."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileorg.core.store_settings import StoreSettings
from fileorg.rules import config_file
from fileorg.rules.category_changes import with_changes
from fileorg.rules.config import ConfigError, Configuration
from fileorg.rules.config_check import CONDITIONS, OPTIONS, RULE_KEYS
from fileorg.rules.config_file import has_changed, parse_configuration, read_configuration

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
version = 1

[settings]
names = "portable"
keep_days = 30
trash_size = "10GB"

[jobs]
notify = ["mail-me", "", "x"]

[categories.Games]
extensions = ["nes", ".GBA", "+iso"]

[categories.Images]
extensions = ["rawx", "-svg"]

[categories.Fonts]
enabled = false

[sets]
raw = ["dng", "@canon"]
canon = ["cr2", "cr3"]

[[rule]]
name = "leave the tax folder"
when = { path = "tax/**" }
keep = true

[[rule]]
name = "raw"
tags = ["nightly"]
when = { ext = ["@raw", "nef"], category = ["disk-images", "Games"] }
not = { name = "*draft*" }
any = [ { size = ">2GB" }, { in = "~/Desktop" } ]
to = "Photos/{category}"
on_conflict = "skip"
matches = ["a.nef"]

[[rule]]
name = "rest"
to = "To review"

[profile.downloads]
root = "~/Downloads"
rules = ["@nightly", "rest"]
recursive = true
include = "*.pdf"
"""


def read(text: str) -> Configuration:
    return parse_configuration(b"f.toml", text.encode())


def test_a_good_file_is_read_whole() -> None:
    found = read(GOOD)
    assert (found.settings.names, found.settings.keep_days, found.settings.trash_size) == ("portable", 30, 10 << 30)
    assert found.jobs.notify == ("mail-me", "", "x")
    games, images, fonts = found.categories
    assert (games.extensions, games.taken, games.line) == ((b"nes", b"gba"), (b"iso",), 11)
    assert (images.extensions, images.dropped, fonts.enabled) == ((b"rawx",), (b"svg",), False)
    assert found.sets["raw"] == ("dng", "cr2", "cr3")
    tax, raw, rest = found.rules
    assert (tax.keep, tax.when, tax.line) == (True, {"path": "tax/**"}, 24)
    assert raw.when == {"ext": ["dng", "cr2", "cr3", "nef"], "category": ["Disk images", "Games"]}
    assert (raw.not_, raw.any_of) == ({"name": "*draft*"}, ({"size": ">2GB"}, {"in": "~/Desktop"}))
    assert (raw.to, raw.on_conflict, raw.tags, raw.matches) == ("Photos/{category}", "skip", ("nightly",), ("a.nef",))
    assert (rest.when, rest.not_, rest.any_of) == ({}, {}, ())
    assert found.profiles["downloads"].options == {"recursive": True, "include": ["*.pdf"]}
    assert found.profiles["downloads"].roots == ("~/Downloads",)
    assert [rule.name for rule in found.selected(["@nightly", "rest"])] == ["raw", "rest"]
    assert found.selected([]) == found.rules


def test_a_store_has_its_settings() -> None:
    table = '[storage.r2]\nendpoint = "https://x.example.org"\nprofile = "mine"\nregion = "auto"\n'
    stores = read(V + table + 'addressing = "virtual"\nrequester_pays = true\n[storage.s3]\n').stores
    assert stores == {
        "r2": StoreSettings("https://x.example.org", "mine", "auto", "virtual", requester_pays=True),
        "s3": StoreSettings(),
    }


def test_categories_are_merged() -> None:
    found = with_changes(read(GOOD).categories)
    assert "Fonts" not in found
    assert list(found)[-2:] == ["Games", "Other"]
    assert b"iso" in found["Games"]
    assert b"iso" not in found["Disk images"]
    assert b"rawx" in found["Images"]
    assert b"svg" not in found["Images"]
    assert b"jpg" in found["Images"]


def test_an_empty_file_and_one_of_comments_say_nothing() -> None:
    assert read("") == Configuration(b"f.toml")
    assert read("\n# nothing yet\n").rules == ()


RULE = '[[rule]]\nto = "x"\n'
V = "version = 1\n"
BAD = {
    "half a file": (V + '[[rule]]\nname = "a', 3, "", "toml.io"),
    "half a table": (V + "[[rule]", 2, "", "toml.io"),
    "ends in an array": (V + "[sets]\nraw = [", 3, "ends too early", ""),
    "a backslash": (V + '[[rule]]\nwhen = { regex = "\\d+" }', 3, "", "single quotes"),
    "no version": (RULE, 0, "does not say which version", "version = 1"),
    "two versions": (V + "version = 1\n", 2, "", "only once"),
    "a newer version": ("\nversion = 2\n", 2, "newer fileorg", "update"),
    "a version as text": ('version = "1"\n', 1, "does not exist", "version = 1"),
    "an unknown table": (V + "[[rules]]\nto = 'x'\n", 2, "rules does not exist", "did you mean rule?"),
    "another unknown table": (V + "[category.Games]\n", 2, "category", "did you mean categories?"),
    "one rule in single brackets": (V + "[rule]\nto = 'x'\n", 2, "not a list of tables", "[[rule]]"),
    "an unknown key": (V + "[[rule]]\ntoo = 'x'\n", 3, "too does not exist", "did you mean to?"),
    "a condition outside": (V + '[[rule]]\next = "pdf"\n', 3, "ext is a condition", "when = { ext"),
    "an unknown condition": (
        V + "[[rule]]\nto='x'\nwhen = { ext = 'a', nam = 'b' }\n", 4, "nam does", "did you mean name?",
    ),
    "a wrong type": (V + "[[rule]]\nto = 'x'\n\nkeep = 'yes'\n", 5, "yes is not true or false", "keep = true"),
    "a number for text": (V + "[[rule]]\nname = 5\n", 3, "5 is not text", 'name = "'),
    "a flag for a number": (V + "[settings]\nkeep_days = true\n", 3, "true is not a whole number", "keep_days = 10"),
    "a secret of a store": (
        V + "[storage.r2]\nsecret = 'x'\n", 3, "secret is a credential, and fileorg keeps none", "profile = NAME"
    ),
    "a password in an endpoint": (
        V + "[storage.r2]\nendpoint = 'https://me:pw@x.org'\n", 3,
        "the endpoint of r2 contains a user or a password", "for example: endpoint",
    ),
    "an endpoint without a scheme": (
        V + "[storage.r2]\nendpoint = 'x.org'\n", 3, "the endpoint of r2 is no address of a server", "https://"
    ),
    "an unknown key of a store": (
        V + "[storage.r2]\nendpont = 'x.org'\n", 3, "the key endpont does", "did you mean endpoint?"
    ),
    "an unknown way of addressing": (
        V + "[storage.r2]\naddressing = 'pth'\n", 3, "the value pth does", "did you mean path?"
    ),
    "an empty profile": (V + "[storage.r2]\nprofile = ''\n", 3, "profile is empty", "remove profile"),
    "a store with a taken name": (V + "[storage.file]\n", 2, "the name of the store file is taken", "r2://bucket"),
    "an unknown key of jobs": (V + "[jobs]\nnotif = 'x'\n", 3, "the key notif does", "did you mean notify?"),
    "a program without a name": (V + "[jobs]\nnotify = []\n", 3, "notify names no program", "notify ="),
    "a program with a number": (V + "[jobs]\nnotify = ['x', 1]\n", 3, "not a list of texts", "notify ="),
    "a negative number": (V + "[settings]\nkeep_days = -1\n", 3, "-1 is not from 0", ""),
    "a list with a number": (V + "[[rule]]\ntags = ['a', 1]\n", 3, "['a', 1] is not a list of texts", "tags ="),
    "no result": (V + "[[rule]]\nname = 'a'\n", 2, "the rule a does not say", "keep = true"),
    "two results": (V + "[[rule]]\nto = 'x'\nkeep = true\n", 3, "both to and keep", "remove one"),
    "trash with a target": (V + "[[rule]]\naction = 'trash'\nto = 'x'\n", 4, "both to and trash", "remove one"),
    "a kept file with a policy": (V + "[[rule]]\nkeep = true\non_conflict = 'skip'\n", 4, "no meaning", "remove"),
    "an unknown action": (V + "[[rule]]\nto = 'x'\naction = 'trsh'\n", 4, "trsh does not exist", "did you mean trash?"),
    "an unknown policy": (V + "[[rule]]\nto='x'\non_conflict = 'newer'\n", 4, "newer", "keep-newer"),
    "an empty when": (V + "[[rule]]\nto='x'\nwhen = {}\n", 4, "when is empty", "leave it out"),
    "an empty target": (V + "[[rule]]\nto = ''\n", 3, "to is empty", ""),
    "two rules of one name": (V + "[[rule]]\nname='a'\nto='x'\n[[rule]]\nname='a'\nto='y'\n", 6, "line 2", "rename"),
    "an unknown set": (
        V + "[[rule]]\nto='x'\nwhen = { ext = '@row' }\n[sets]\nraw=['a']\n", 4, "@row", "did you mean raw?",
    ),
    "an unknown set in a set": (V + "[sets]\nraw=['a',\n'@row']\n", 4, "@row", "did you mean raw?"),
    "a set in itself": (V + "[sets]\na=['@b']\nb=['@a']\n", 4, "the set a contains itself (a → b → a)", "remove"),
    "a set like a category": (V + "[sets]\nImages=['b']\n", 3, "Images is a category", "rename"),
    "a set with a blank": (V + "[sets]\n'my raw'=['b']\n", 3, "cannot have the name my raw", "letters"),
    "an unknown category": (V + "[[rule]]\nto='x'\nwhen={category='Image'}\n", 4, "Image does", "did you mean Images?"),
    "a shadow": (
        V + "[categories.images]\nextensions=['q']\n", 2, "differs from Images only in case", "[categories.Images]",
    ),
    "an extension of another": (
        V + "[categories.Games]\nextensions=['q9',\n'iso']\n", 4, "belongs to Disk images", '"+iso"',
    ),
    "taken twice": (
        V + "[categories.A]\nextensions=['+iso']\n[categories.B]\nextensions=['+iso']\n", 5, "both A and B take +iso",
        "",
    ),
    "claimed twice": (
        V + "[categories.A]\nextensions=['q9']\n[categories.B]\nextensions=['Q9']\n", 5, "belongs to A", "",
    ),
    "a name with a slash": (V + "[categories.'a/b']\n", 2, "holds a slash", "another name"),
    "a hidden name": (V + "[categories.'.git']\n", 2, "begins with .", "another name"),
    "the parent folder": (V + "[categories.'..']\n", 2, "period", "another name"),
    "the category of the rest": (V + "[categories.Other]\n", 2, "cannot be changed", ""),
    "an extension with a blank": (V + "[categories.A]\nextensions=['a b']\n", 3, "holds a blank", "nes"),
    "an empty extension": (V + "[categories.A]\nextensions=['+.']\n", 3, "is empty", "nes"),
    "an unknown option": (V + "[profile.a]\nrecursiv = true\n", 3, "recursiv", "did you mean recursive?"),
    "an unknown rule in a profile": (V + "[[rule]]\nname='ab'\nto='x'\n[profile.a]\nrules=['abc']\n", 6, "abc", "ab?"),
    "an unknown tag": (V + RULE + "[profile.a]\ntags = ['x']\n", 5, "@x does not exist", "there is none"),
    "a profile with both": (V + "[profile.a]\nby = 'date'\ntemplate = '{category}'\n", 3, "cannot be combined", ""),
    "a template of a profile": (V + "[profile.a]\ntemplate = '../{category}'\n", 3, "..", ""),
    "an absolute template of a profile": (V + "[profile.a]\ntemplate = '/x/{category}'\n", 3, "below the root", "dest"),
    "a template in the home directory": (V + "[profile.a]\ntemplate = '~/{category}'\n", 3, "below the root", "dest"),
    "a folder whose name is in a file": (
        V + "[profile.a]\ntemplate = '{folder_in_name:/srv}'\n", 3, "below the root", "dest",
    ),
    "another user's home": (V + "[[rule]]\nto = '~root/x'\n", 3, "home directory of another user", "whole path"),
    "a number in a list": (V + "[categories.A]\nextensions = [7]\n", 3, "[7] is not a list of texts", "extensions"),
    "a parent folder": (V + "[[rule]]\nto = '../x'\n", 3, "a part named . or ..", "may not lead out"),
    "an unknown field": (V + "[[rule]]\nto = '{modifed}'\n", 3, "{modifed} is not a field; did you mean modified?", ""),
    "an unknown group": (V + "[[rule]]\nto = '{re.x}'\n", 3, "no regex with a named group", "(?P<name>"),
    "a wrong time zone": (V + "[profile.a]\ntimezone = 'Mars/Olympus'\n", 3, "no time zone", "Europe/Berlin"),
    "by content and by name": (V + "[profile.a]\nby_content = true\nby_name = true\n", 4, "cannot be combined", "one"),
    "a wrong size": (V + "[[rule]]\nto='x'\nwhen = { size = '>big' }\n", 4, "which is no size", ">500MB"),
    "a wrong age": (V + "[[rule]]\nto='x'\nnot = { age = '7d' }\n", 4, "neither more nor less", ">14d"),
    "a wrong day": (V + "[[rule]]\nto='x'\nany = [\n{ modified = '2023-13' }]\n", 5, "modified is 2023-13", "2024"),
    "a day by its name": (V + "[[rule]]\nto='x'\nwhen = { modified = 'today' }\n", 4, "this is no date", "an age"),
    "a day that is compared": (
        V + "[[rule]]\nto='x'\nwhen = { taken = '<2024-01-01' }\n", 4, "days are not compared with <", "..2023",
    ),
    "sets nested too deep": (
        V + "[sets]\n" + "".join(f"s{number} = '@s{number + 1}'\n" for number in range(3_000)) + "s3000 = 'x'\n",
        103, "more than 100 deep", "write the members",
    ),
    "a path from here": (V + "[[rule]]\nto='x'\nwhen = { path = './tax/**' }\n", 4, "no path has a . or ..", ""),
    "a field of meta": (V + "[[rule]]\nto='x'\nwhen = { camera = 'X' }\n", 4, "a field of meta", "meta = { camera"),
    "a list of conditions": (V + "[[rule]]\nto='x'\nwhen = [{ ext = 'a' }]\n", 4, "not a table", "when = { … }"),
    "the folder itself": (V + "[[rule]]\nto = '.'\n", 3, "a part named . or ..", "write {name}"),
    "a size of nothing": (V + "[[rule]]\nto='x'\nwhen = { size = 0 }\n", 4, "says neither more nor less", "<50KB"),
    "a wrong depth": (V + "[[rule]]\nto='x'\nwhen = { depth = 'a' }\n", 4, "which is no depth", "..1"),
    "a wrong pattern": (V + "[[rule]]\nto='x'\nwhen = { regex = '(' }\n", 4, "the pattern ( cannot be used", "RE2"),
    "a wrong name": (V + "[[rule]]\nto='x'\nwhen = { name = '[a' }\n", 4, "has no closing ]", ""),
    "a path in a name": (V + "[[rule]]\nto='x'\nwhen = { name = 'a/b' }\n", 4, "no name holds a slash", "path"),
    "a wrong extension": (V + "[[rule]]\nto='x'\nwhen = { ext = '*.p?f' }\n", 4, "no wildcards", "name"),
    "a flag as text": (V + "[[rule]]\nto='x'\nwhen = { empty = 'yes' }\n", 4, "neither true nor false", "empty = true"),
    "a wrong user": (V + "[[rule]]\nto='x'\nwhen = { owner = 'no one at all' }\n", 4, "no such user", "me"),
    "a user id without end": (
        V + f"[[rule]]\nto='x'\nwhen = {{ owner = '{'9' * 5000}' }}\n", 4, "no such user", "me",
    ),
    "a size without end": (
        V + f"[[rule]]\nto='x'\nwhen = {{ size = '>{'9' * 5000}' }}\n", 4, "size", "<50KB",
    ),
    "a wrong field of meta": (V + "[[rule]]\nto='x'\nwhen = { meta = { artsit = 'a' } }\n", 4, "artist", "album"),
    "no time zone": (V + "[dates]\ntimezone = 'UTC'\n", 3, "timezone does not exist", ""),
    "cameras that are no list": (V + "[dates]\nlocal_video = 3\n", 3, "is not a list of texts", "local_video"),
    "a duplicate": (V + "[[rule]]\nkeep=true\nwhen = { duplicate = true }\n", 4, "no key of a condition", "dedupe"),
    "a folder": (V + "[[rule]]\nto='x'\nwhen = { kind = 'folder' }\n", 4, "not whole folders", "clean"),
    "a wrong size in a profile": (V + "[profile.a]\nmin_size = 'big'\n", 3, "min_size is big", "10MB"),
    "a wrong age in a profile": (V + "[profile.a]\nmin_age = '2024-05-01'\n", 3, "which is no age", "7d"),
    "a wrong time in a profile": (V + "[profile.a]\nnewer_than = 'soon'\n", 3, "no age and no day", "2024-05-01"),
    "a wrong pattern in a profile": (V + "[profile.a]\nexclude = ['ok',\n'[a']\n", 4, "has no closing ]", ""),
    "a wrong action in a profile": (V + "[profile.a]\naction = 'mov'\n", 3, "mov does", "did you mean move?"),
    "a negative limit": (V + "[profile.a]\nmax_changes = -1\n", 3, "-1 is not from 0", ""),
    "a size beyond all numbers": (V + f"[settings]\ntrash_size = '{'9' * 400}'\n", 3, "is not a size", "10G"),
    "a size that is none": (V + "[settings]\ntrash_size = 'big'\n", 3, "big is not a size", "10G"),
    "deep nesting": (V + "a = " + "[" * 5000, 1, "nested too deeply", ""),
    "a long number": (V + "a = " + "9" * 5000, 1, "too long", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_fault_has_its_line_and_a_way_out(case: str) -> None:
    text, line, message, hint = BAD[case]
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert (caught.value.line, message in caught.value.message, hint in caught.value.hint) == (line, True, True), (
        caught.value.line, str(caught.value), caught.value.hint,
    )  # fmt: skip
    place = f"f.toml, line {line}: " if line else "f.toml: "
    assert str(caught.value).startswith(place)


def test_text_that_is_not_utf_8_has_its_line() -> None:
    with pytest.raises(ConfigError, match=r"line 2: the text is not UTF-8"):
        parse_configuration(b"f.toml", b"version = 1\nname = '\xff'\n")


def test_a_byte_order_mark_and_windows_lines_are_read() -> None:
    assert parse_configuration(b"f", ("\ufeff" + GOOD.replace("\n", "\r\n")).encode()).rules == read(GOOD).rules


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            read_configuration(os.fsencode(path))
        assert caught.value.hint
        return str(caught.value)

    assert "there is no such file" in message(tmp_path / "none.toml")
    assert "not a regular file" in message(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in message(tmp_path / "pipe")
    file = tmp_path / "f.toml"
    file.write_text(GOOD)
    (tmp_path / "link").symlink_to(file)
    assert read_configuration(os.fsencode(tmp_path / "link")).rules == read(GOOD).rules
    if os.geteuid():
        file.chmod(0)
        assert "permission denied" in message(file)
        file.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    if file.stat().st_uid:
        assert "belongs to another user" in message(file)
    monkeypatch.undo()
    monkeypatch.setattr(config_file, "MOST_BYTES", 10)
    assert "larger than 4 MiB" in message(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text(GOOD)
    os.chown(file, 4242, 4242)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_configuration(os.fsencode(file))


def test_an_edit_after_the_read_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text(GOOD)
    found = read_configuration(os.fsencode(file))
    assert not has_changed(found)
    file.write_text(GOOD + "# more\n")
    assert has_changed(found)
    file.unlink()
    assert has_changed(found)
    assert not has_changed(Configuration())


VALUES = st.one_of(
    st.sampled_from(["true", "1", "-1.5", '"x"', '"@raw"', "[]", '["a", "@b"]', "{}", '{ ext = "a" }', "'..'", "[1]"]),
    st.sampled_from(["[{ name = 'a' }]", "{ when = 1 }", '"Images"', "07:32:00", "'trash'"]),
)
HEADERS = st.sampled_from(
    ["[[rule]]", "[settings]", "[jobs]", "[sets]", "[categories.Games]", "[categories.Images]", "[profile.a]"]
)
KEYS = st.sampled_from(
    [*RULE_KEYS, *OPTIONS, "extensions", "raw", "b", "version", "root", "rules", "names", "keep_days", "notify"]
)
LINES = st.one_of(HEADERS, st.builds("{} = {}".format, KEYS, VALUES), st.text(max_size=5))


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=8))
def test_a_random_file_loads_or_names_its_line(lines: list[str]) -> None:
    text = "\n".join([V, *lines])
    try:
        read(text)
    except ConfigError as error:
        assert 1 <= error.line <= text.count("\n") + 1, text  # noqa: PT017
        assert str(error).startswith(f"f.toml, line {error.line}: ")  # noqa: PT017


CONDITION = st.sampled_from([*CONDITIONS, "nam"])
ANY_VALUE = st.one_of(
    VALUES,
    st.sampled_from(
        ["'>1MB'", "'<2d'", "'2020-13'", "'..'", "'('", "'(a+)+$'", "'[a'", "'a/b'", "'me'", "'..1'", "''"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="'"), max_size=6).map(
        lambda text: f"'{text}'"
    ),
)
TABLE = st.builds("{{ {} = {} }}".format, CONDITION, ANY_VALUE)
RULE_LINES = st.one_of(
    st.builds("when = {}".format, TABLE),
    st.builds("not = {}".format, TABLE),
    st.builds("any = [{}]".format, TABLE),
    st.sampled_from(
        ["to = 'x'", "to = '{re.a}'", "to = '{dir}/{'", "to = '{modified:%Q}'", "keep = true", "enabled = true"]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULE_LINES, min_size=1, max_size=4, unique_by=lambda line: line.split(" =")[0]))
def test_a_random_rule_loads_or_names_its_line(lines: list[str]) -> None:
    text = "\n".join([V, "[[rule]]", *lines])
    try:
        read(text)
    except ConfigError as error:
        assert 3 <= error.line <= text.count("\n") + 1, text  # noqa: PT017
        assert str(error).startswith(f"f.toml, line {error.line}: ")  # noqa: PT017


def test_a_file_without_checked_rules_still_reads_the_rest() -> None:
    """`fileorg rules check` finds all faults, and the settings of jobs do not depend on the rules."""
    text = V + "[jobs]\nnotify = ['x']\n[[rule]]\nto='x'\nwhen = { size = 'big' }\n"
    assert parse_configuration(b"f.toml", text.encode(), with_rules=False).jobs.notify == ("x",)
    with pytest.raises(ConfigError, match="line 6"):
        parse_configuration(b"f.toml", text.encode())
