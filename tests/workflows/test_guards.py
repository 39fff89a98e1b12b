"""Refused roots, each with a message that names the place and the way out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.tree import Tree

from fileorg.core.errors import Exit, FileorgError, GuardRefused, UsageError
from fileorg.workflows.guards import Allowed, changeable_folder, check_opened, existing_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs

    from fileorg.core.state import StateDirectory


def refusal(path: object, state: StateDirectory) -> FileorgError:
    with pytest.raises(FileorgError) as caught:
        changeable_folder(os.fsencode(str(path)), state)
    assert str(caught.value).endswith(".")
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("place", ["/", "/home", "/tmp", "/usr", "/usr/lib", "/etc", "/proc", "/dev", "/var"])
def test_what_belongs_to_the_system_is_refused(place: str, state: StateDirectory) -> None:
    error = refusal(place, state)
    assert isinstance(error, GuardRefused)
    assert error.exit_code == Exit.REFUSED
    assert place in str(error)


def test_a_home_directory_is_refused_and_a_folder_in_it_is_not(
    tmp_path: Path, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "Downloads").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    assert isinstance(refusal(home, state), GuardRefused)
    assert changeable_folder(os.fsencode(home / "Downloads"), state) == os.fsencode(home / "Downloads")


def test_a_symlink_to_a_refused_place_is_refused(tmp_path: Path, state: StateDirectory) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert isinstance(refusal(tmp_path / "link", state), GuardRefused)


def test_the_state_directory_and_what_is_in_it_are_refused(state: StateDirectory) -> None:
    (os.mkdir(os.path.join(state.path, b"inside")))
    assert "state directory" in str(refusal(os.fsdecode(state.path), state))
    assert "state directory" in str(refusal(os.fsdecode(state.path) + "/inside", state))


@pytest.mark.parametrize("marker", [".git", ".hg", ".svn"])
def test_a_checkout_is_refused(marker: str, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"{marker}/config": "x", "a.jpg": "one"})
    assert marker in str(refusal(tree.root, state))


def test_what_is_missing_or_no_folder_is_a_usage_error(tmp_path: Path, state: StateDirectory) -> None:
    (tmp_path / "file").write_text("x")
    missing, file = refusal(tmp_path / "missing", state), refusal(tmp_path / "file", state)
    assert isinstance(missing, UsageError)
    assert "There is no folder" in str(missing)
    assert "is a file, not a folder" in str(file)
    assert (missing.exit_code, file.exit_code) == (Exit.USAGE, Exit.USAGE)


def test_what_may_not_be_read_or_written_is_a_usage_error(of_nobody: Runs) -> None:
    root = os.fsencode(of_nobody.tree.root)
    of_nobody.tree.write({"a.jpg": "one"})
    os.chmod(root, 0o500)
    with pytest.raises(UsageError, match="cannot be written: permission denied"):
        changeable_folder(root, of_nobody.state)
    os.chmod(root, 0o000)
    with pytest.raises(UsageError, match="cannot be read: permission denied"):
        existing_folder(root)
    os.chmod(root, 0o700)


def test_our_trash_is_refused_whatever_is_allowed(tree: Tree, state: StateDirectory) -> None:
    tree.write({".fileorg/trash/1/x/a.jpg": "1"})
    for folder in (".fileorg", ".fileorg/trash/1", ".fileorg/trash/1/x"):
        with pytest.raises(GuardRefused, match="fileorg's trash"):
            changeable_folder(os.fsencode(tree.path(folder)), state, Allowed(inside_project=True))


# Surroundings --------------------------------------------------------------------------------------------------------

PART_OF = {
    "under version control": [
        ".git/HEAD",
        ".git",
        ".hg/store/x",
        ".svn/wc.db",
        ".bzr/x",
        ".jj/x",
        ".pijul/x",
        "_darcs/x",
    ],
    "a project": [
        "package.json",
        "pyproject.toml",
        "Cargo.toml",
        "go.mod",
        "Makefile",
        "App.sln",
        ".obsidian/app.json",
    ],
    "a virtual machine": ["Win.vmx", "Win.vbox", "Win.vmcx", "config.pvs"],
    "a disc structure": ["VIDEO_TS/x", "BDMV/x", "HVDVD_TS/x"],
    "an application profile": ["profiles.ini", "Local State", "places.sqlite"],
    "a mail store": ["Inbox.msf", "MailData/x"],
    "a library": ["metadata.db", "digikam4.db", "Mine.lrcat"],
    "a music or video project": ["Song.als", "mix.rpp", "Ableton Project Info/x"],
    "a game": ["steamapps/x", "game.pck"],
    "a database": ["PG_VERSION"],
}
MARKERS = [(what, marker) for what, markers in PART_OF.items() for marker in markers]


@pytest.mark.parametrize(("what", "marker"), MARKERS)
def test_a_folder_below_a_marker_is_refused(what: str, marker: str, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"top/{marker}": "x", "top/docs/deep/a.jpg": "1"})
    for below in ("top/docs", "top/docs/deep"):
        error = refusal(tree.path(below), state)
        assert isinstance(error, GuardRefused)
        assert f" {what} (" in str(error)
        assert f"/top/{marker.split('/', maxsplit=1)[0]})" in str(error)
        assert "--inside-project" in error.hint
        allowed = Allowed(inside_project=True)
        assert changeable_folder(os.fsencode(tree.path(below)), state, allowed) == os.fsencode(tree.path(below))


@pytest.mark.parametrize("marker", [".git", "BDMV", "Inbox.msf"])
def test_a_marker_may_be_a_link_that_leads_nowhere(marker: str, tree: Tree, state: StateDirectory) -> None:
    tree.write({f"top/{marker}": "-> nowhere", "top/docs/": ""})
    assert isinstance(refusal(tree.path("top"), state), GuardRefused)
    assert isinstance(refusal(tree.path("top/docs"), state), GuardRefused)


@pytest.mark.parametrize(
    ("folder", "what"),
    [
        ("Talk.screenflow/media", "a bundle"),
        ("Pics.photoslibrary", "a bundle"),
        ("A.app/Contents", "a bundle"),
        ("site/node_modules/x", "a project"),
        ("site/.venv/lib", "a project"),
    ],
)
def test_a_folder_in_one_of_a_name_that_tells_is_refused(
    folder: str, what: str, tree: Tree, state: StateDirectory
) -> None:
    tree.write({f"{folder}/a.jpg": "1"})
    assert f"is part of {what} (" in str(refusal(tree.path(folder), state))


@pytest.mark.parametrize(
    "beside",
    [
        ["package.json"], ["Makefile"], ["setup.py"], ["Win.vmx"], ["beat.flp"], ["tool.exe", "tool.dll"], ["game.pck"],
        ["index.html", "css"], ["x.sln"],
    ],
)  # fmt: skip
def test_what_strayed_into_the_folder_itself_does_not_stop_a_run(
    beside: list[str], tree: Tree, state: StateDirectory
) -> None:
    tree.write(dict.fromkeys(beside, "x") | {"a.jpg": "1"})
    assert changeable_folder(os.fsencode(tree.root), state)


@pytest.mark.parametrize(
    "both",
    [
        ["package.json", "package-lock.json"], ["package.json", "node_modules/"], ["Makefile", "src/"],
        ["setup.py", "pyproject.toml"], ["Cargo.toml", "target/"], ["go.mod", ".gitignore"],
        ["Gemfile", ".editorconfig"], ["a.sln", "b.csproj"], ["Win.vmx", "Win.vmdk"], ["etc/", "usr/", "bin/"],
        ["VIDEO_TS/"], ["prefs.js", "places.sqlite"], ["metadata.db"], ["cur/", "new/", "tmp/"],
    ],
)  # fmt: skip
def test_a_folder_that_is_one_thing_itself_is_refused(both: list[str], tree: Tree, state: StateDirectory) -> None:
    tree.write(dict.fromkeys(both, ""))
    assert isinstance(refusal(tree.root, state), GuardRefused)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Tree(tmp_path / "home")


@pytest.mark.parametrize(
    "folder",
    [".ssh", ".ssh/old", ".gnupg/private-keys-v1.d", ".password-store/mail"],
)
def test_keys_are_refused_whatever_is_allowed(folder: str, home: Tree, state: StateDirectory) -> None:
    home.write({f"{folder}/id": "x"})
    for allowed in (Allowed(), Allowed(inside_project=True)):
        with pytest.raises(GuardRefused, match="folder for private keys"):
            changeable_folder(os.fsencode(home.path(folder)), state, allowed)


@pytest.mark.parametrize(
    "folder", [".config", ".config/app/cache", ".local/share", ".var/app/x", ".cache/y", ".mozilla/firefox/a.default"]
)
def test_settings_in_a_home_are_refused(folder: str, home: Tree, state: StateDirectory) -> None:
    home.write({f"{folder}/x": "x"})
    error = refusal(home.path(folder), state)
    assert "settings folder" in str(error)
    assert "--inside-project" in error.hint
    assert changeable_folder(os.fsencode(home.path(folder)), state, Allowed(inside_project=True))


def test_a_hidden_folder_elsewhere_is_not_refused(home: Tree, state: StateDirectory) -> None:
    home.write({"Downloads/.config/x": "x"})
    assert changeable_folder(os.fsencode(home.path("Downloads/.config")), state)


@pytest.mark.parametrize("marker", ["package.json", "Makefile", "Local State", "tool.exe"])
def test_what_strayed_into_a_home_makes_nothing_a_part_of_it(marker: str, home: Tree, state: StateDirectory) -> None:
    home.write(
        {marker: "x", "tool.dll": "x", "inbox/a.jpg": "1", f"Downloads/{marker}": "x", "Downloads/new/b.jpg": "2"}
    )
    assert changeable_folder(os.fsencode(home.path("inbox")), state)
    if marker != "Local State":
        assert changeable_folder(os.fsencode(home.path("Downloads/new")), state)


def test_a_home_under_version_control(home: Tree, state: StateDirectory) -> None:
    home.write({".git/HEAD": "x", "inbox/a.jpg": "1"})
    assert "under version control" in str(refusal(home.path("inbox"), state))


LINUX = {"disk/etc/fstab": "", "disk/usr/bin/x": "", "disk/bin": "-> usr/bin", "disk/home/ann/Downloads/a.jpg": "1"}
LINUX |= {"disk/home/ann/.config/x": "", "disk/home/ann/.ssh/id": "", "disk/data/a.jpg": "2", "disk/var/lib/x/a": ""}
WINDOWS = {"disk/Windows/System32/x.dll": "", "disk/Program Files/x/x.exe": "", "disk/Users/Ann/Downloads/a.jpg": "1"}
WINDOWS |= {
    "disk/Users/Ann/AppData/x": "",
    "disk/ProgramData/x/y": "",
    "disk/Stuff/a.jpg": "2",
    "disk/Users/Public/a": "",
}


@pytest.mark.parametrize(
    ("system", "refused", "sorted_"),
    [
        (
            LINUX,
            [".", "etc", "usr/bin", "home", "home/ann", "var", "home/ann/.config", "home/ann/.ssh"],
            ["home/ann/Downloads", "data", "var/lib/x"],
        ),
        (
            WINDOWS,
            [".", "Windows", "Program Files/x", "ProgramData/x", "Users", "Users/Ann", "Users/Ann/AppData"],
            ["Users/Ann/Downloads", "Stuff"],
        ),
    ],
)
def test_another_system_is_judged_as_ours_is(
    system: dict[str, str], refused: list[str], sorted_: list[str], tree: Tree, state: StateDirectory
) -> None:
    tree.write(system)
    for folder in refused:
        error = refusal(tree.path("disk") / folder, state)
        assert isinstance(error, GuardRefused)
        assert str(tree.path("disk")) in str(error)
    for folder in sorted_:
        assert changeable_folder(os.fsencode(tree.path("disk") / folder), state)


def test_a_folder_above_that_may_not_be_listed_tells_what_it_can(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"top/.git/HEAD": "x", "top/docs/a.jpg": "1"})
    os.chmod(tree.path("top"), 0o311)
    try:
        assert "under version control" in str(refusal(tree.path("top/docs"), of_nobody.state))
    finally:
        os.chmod(tree.path("top"), 0o755)


def test_a_folder_above_is_asked_through_the_open_one(tree: Tree, tmp_path: Path, state: StateDirectory) -> None:
    """The path leads elsewhere by now, but the open folder lies in a checkout."""
    tree.write({"site/.git/HEAD": "x", "site/docs/a.jpg": "1", "plain/docs/a.jpg": "1"})
    fd = os.open(tree.path("site/docs"), os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(GuardRefused, match=r"site/\.git"):
            check_opened(fd, os.fsencode(tree.path("plain/docs")), state)
    finally:
        os.close(fd)
