"""Folders kept whole, by their name and by names in them."""

from __future__ import annotations

import pytest

from fileorg.rules import whole_folders
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.whole_folders import PROJECT_MARKERS, Signs, Whole, is_bundle, whole_folder

LOOSE = (b"a.jpg", b"report.pdf", b"song.mp3", b"old.iso", b"requirements.txt", b"no-suffix")


def judged(*names: bytes, surely: bool = False, below: tuple[bytes, ...] = ()) -> Whole | None:
    return whole_folder(lambda: (names,), below.__contains__, surely=surely)


@pytest.mark.parametrize(
    "name",
    [
        *(b"Safari.app", b"Mine.PhotosLibrary", b"Song.logicx", b"Talk.screenflow", b"People.abbu", b"Demo.cmproj"),
        *(b"Win.utm", b"Win.vmwarevm", b"Film.dvdproj", b"W.wdgtproj", b"Old.fcarch", b"X.fcpbundle", b"Inbox.mbox"),
        *(b"map.gdb", b"cube.zarr", b"repo.git", b"Photo Booth Library", b"X.cocatalog", b"Mac.sparsebundle"),
    ],
)
def test_a_bundle_is_known_by_its_name(name: bytes) -> None:
    assert is_bundle(name)


@pytest.mark.parametrize("name", [b"Holidays", b"v1.2", b".app", b"app", b"2024.05", b"Music", b"Backup.old", b""])
def test_other_names_are_no_bundles(name: bytes) -> None:
    assert not is_bundle(name)


@pytest.mark.parametrize("marker", [*PROJECT_MARKERS, b"App.xcodeproj", b"All.sln", b"core.csproj", b"x.Rproj"])
def test_a_project_is_known_by_its_marker(marker: bytes) -> None:
    assert judged(b"a.jpg", marker, b"b.jpg") == (IgnoreReason.PROJECT, marker)


def test_a_folder_of_stray_files_is_no_project() -> None:
    assert judged(b"a.jpg", b"requirements.txt", b"index.html", b"package.json.bak") is None
    assert judged() is None
    assert judged(*LOOSE) is None


@pytest.mark.parametrize(
    ("names", "reason", "marker"),
    [
        ((b"Win.vmx", b"Win.vmdk"), IgnoreReason.VIRTUAL_MACHINE, b"Win.vmx"),
        ((b"Debian.VBOX", b"Debian.vdi"), IgnoreReason.VIRTUAL_MACHINE, b"Debian.VBOX"),
        ((b"D1A0.vmcx", b"D1A0.vmrs"), IgnoreReason.VIRTUAL_MACHINE, b"D1A0.vmcx"),
        ((b"config.pvs", b"disk.hdd"), IgnoreReason.VIRTUAL_MACHINE, b"config.pvs"),
        ((b"Virtual Machines", b"Virtual Hard Disks"), IgnoreReason.VIRTUAL_MACHINE, b"Virtual Machines"),
        ((b"VIDEO_TS",), IgnoreReason.DISC, b"VIDEO_TS"),
        ((b"BDMV", b"CERTIFICATE"), IgnoreReason.DISC, b"BDMV"),
        ((b"AUDIO_TS",), IgnoreReason.DISC, b"AUDIO_TS"),
        ((b"HVDVD_TS",), IgnoreReason.DISC, b"HVDVD_TS"),
        ((b"VTS_01_0.IFO", b"VTS_01_1.VOB"), IgnoreReason.DISC, b"VTS_01_0.IFO"),
        ((b"prefs.js", b"places.sqlite"), IgnoreReason.PROFILE, b"prefs.js"),
        ((b"profiles.ini", b"x.default"), IgnoreReason.PROFILE, b"profiles.ini"),
        ((b"Local State", b"Default"), IgnoreReason.PROFILE, b"Local State"),
        ((b"prefs.js", b"ImapMail"), IgnoreReason.PROFILE, b"prefs.js"),
        ((b"Preferences", b"History"), IgnoreReason.PROFILE, b"Preferences"),
        ((b"cur", b"new", b"tmp"), IgnoreReason.MAIL, b"cur"),
        ((b"Inbox", b"Inbox.msf"), IgnoreReason.MAIL, b"Inbox.msf"),
        ((b"mbox", b"table_of_contents"), IgnoreReason.MAIL, b"mbox"),
        ((b"MailData", b"x"), IgnoreReason.MAIL, b"MailData"),
        ((b"Song.als", b"Ableton Project Info"), IgnoreReason.STUDIO, b"Ableton Project Info"),
        ((b"Take.aup", b"Take_data"), IgnoreReason.STUDIO, b"Take.aup"),
        ((b"metadata.db", b"Some Author"), IgnoreReason.LIBRARY, b"metadata.db"),
        ((b"Mine.lrcat",), IgnoreReason.LIBRARY, b"Mine.lrcat"),
        ((b"digikam4.db",), IgnoreReason.LIBRARY, b"digikam4.db"),
        ((b"X.cocatalogdb",), IgnoreReason.LIBRARY, b"X.cocatalogdb"),
        ((b"iTunes Library.itl",), IgnoreReason.LIBRARY, b"iTunes Library.itl"),
        ((b"steamapps",), IgnoreReason.GAME, b"steamapps"),
        ((b"Game.exe", b"Game_Data"), IgnoreReason.GAME, b"Game.exe"),
        ((b"Game.x86_64", b"Game_Data"), IgnoreReason.GAME, b"Game.x86_64"),
        ((b"CURRENT", b"MANIFEST-000001"), IgnoreReason.DATABASE, b"CURRENT"),
        ((b"CURRENT", b"000004.sst"), IgnoreReason.DATABASE, b"CURRENT"),
        ((b"PG_VERSION",), IgnoreReason.DATABASE, b"PG_VERSION"),
        ((b"Manifest.db", b"Info.plist"), IgnoreReason.BACKUP, b"Manifest.db"),
        ((b"HEAD", b"objects", b"refs"), IgnoreReason.PROJECT, b"objects"),
        ((b".obsidian",), IgnoreReason.PROJECT, b".obsidian"),
        ((b"etc", b"usr", b"bin"), IgnoreReason.OTHER_SYSTEM, b"etc"),
        ((b"Windows", b"Program Files"), IgnoreReason.OTHER_SYSTEM, b"Windows"),
    ],
)  # fmt: skip
def test_what_no_folder_of_downloads_has(names: tuple[bytes, ...], reason: IgnoreReason, marker: bytes) -> None:
    assert judged(*LOOSE, *names) == (reason, marker)
    assert judged(*LOOSE, *names, surely=True) == (reason, marker)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((b"Win.vmx",), IgnoreReason.VIRTUAL_MACHINE),
        ((b"tool.exe", b"Qt5Core.dll"), IgnoreReason.PROGRAM),
        ((b"TOOL.EXE", b"X.DLL"), IgnoreReason.PROGRAM),
        ((b"beat.flp",), IgnoreReason.STUDIO),
        ((b"mix.rpp",), IgnoreReason.STUDIO),
        ((b"cut.prproj",), IgnoreReason.STUDIO),
        ((b"grade.drp",), IgnoreReason.STUDIO),
        ((b"x.acf",), IgnoreReason.GAME),
        ((b"game.pck",), IgnoreReason.GAME),
        ((b"package.json",), IgnoreReason.PROJECT),
        ((b"Makefile",), IgnoreReason.PROJECT),
    ],
)
def test_what_may_have_been_downloaded_by_itself(names: tuple[bytes, ...], reason: IgnoreReason) -> None:
    found = judged(*LOOSE, *names)
    assert found is not None
    assert found.reason is reason
    assert judged(*LOOSE, *names, surely=True) is None


@pytest.mark.parametrize(
    "names",
    [
        (b"setup.exe", b"disk.vmdk"),
        (b"setup.exe", b"Old_Data"),
        (b"Take.aup3", b"Take_data"),
        (b"tool.exe",),
        (b"Qt5Core.dll",),
        (b"CURRENT",),
        (b"cur", b"new"),
        (b"etc", b"usr"),
        (b"App",),
    ],
)
def test_half_of_the_signs_is_not_enough(names: tuple[bytes, ...]) -> None:
    assert judged(*names) is None


def test_a_place_below_is_asked_for_only_where_it_may_be() -> None:
    assert judged(b"App", b"Data", below=(b"App/AppInfo",)) == (IgnoreReason.PROGRAM, b"App/AppInfo")
    assert judged(b"App", b"Data") is None
    assert judged(b"Data", below=(b"App/AppInfo",)) is None


def test_signs_may_come_in_several_parts() -> None:
    parts = ([b"MANIFEST-000001", b"a.jpg"], [b"b.jpg"], [b"CURRENT"])
    assert whole_folder(lambda: parts, lambda _: False) == (IgnoreReason.DATABASE, b"CURRENT")


@pytest.mark.parametrize("rule", whole_folders.all_rules())
def test_each_rule_can_be_met(rule: whole_folders._Rule) -> None:
    """Each rule is found through the index; a rule of globs alone would never match."""
    for position in range(max(map(len, rule.signs))):
        forms = [sign[min(position, len(sign) - 1)] for sign in rule.signs]
        names = [form.replace(b"*", b"x").replace(b"=", b"x").partition(b"/")[0] for form in forms]
        found = judged(*names, below=tuple(forms))
        assert found is not None
        assert rule.is_sure <= (judged(*names, surely=True, below=tuple(forms)) is not None)


def project(*parts: list[bytes]) -> bytes | None:
    return Signs(lambda: parts, lambda _: False).project()


def test_a_project_by_two_signs() -> None:
    assert project([b"package.json", b"a.jpg"]) is None
    assert project([b"src", b"tests"]) is None
    assert project([b"package.json"], [b"src"]) == b"package.json"
    assert project([b"Makefile", b"setup.py"]) == b"setup.py"
    assert project([b"Makefile", b".gitignore"]) == b"Makefile"
    assert project([b"All.sln", b"core.csproj"]) == b"All.sln"
    assert project([b"Cargo.toml", b"Cargo.lock"]) == b"Cargo.toml"
