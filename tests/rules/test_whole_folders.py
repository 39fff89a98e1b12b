"""Folders kept whole, by their name and by names in them."""

from __future__ import annotations

import pytest

from fileorg.rules import whole_folders
from fileorg.rules.ignore import Reason
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
    assert judged(b"a.jpg", marker, b"b.jpg") == (Reason.PROJECT, marker)


def test_a_folder_of_stray_files_is_no_project() -> None:
    assert judged(b"a.jpg", b"requirements.txt", b"index.html", b"package.json.bak") is None
    assert judged() is None
    assert judged(*LOOSE) is None


@pytest.mark.parametrize(
    ("names", "reason", "marker"),
    [
        ((b"Win.vmx", b"Win.vmdk"), Reason.VIRTUAL_MACHINE, b"Win.vmx"),
        ((b"Debian.VBOX", b"Debian.vdi"), Reason.VIRTUAL_MACHINE, b"Debian.VBOX"),
        ((b"D1A0.vmcx", b"D1A0.vmrs"), Reason.VIRTUAL_MACHINE, b"D1A0.vmcx"),
        ((b"config.pvs", b"disk.hdd"), Reason.VIRTUAL_MACHINE, b"config.pvs"),
        ((b"Virtual Machines", b"Virtual Hard Disks"), Reason.VIRTUAL_MACHINE, b"Virtual Machines"),
        ((b"VIDEO_TS",), Reason.DISC, b"VIDEO_TS"),
        ((b"BDMV", b"CERTIFICATE"), Reason.DISC, b"BDMV"),
        ((b"AUDIO_TS",), Reason.DISC, b"AUDIO_TS"),
        ((b"HVDVD_TS",), Reason.DISC, b"HVDVD_TS"),
        ((b"VTS_01_0.IFO", b"VTS_01_1.VOB"), Reason.DISC, b"VTS_01_0.IFO"),
        ((b"prefs.js", b"places.sqlite"), Reason.PROFILE, b"prefs.js"),
        ((b"profiles.ini", b"x.default"), Reason.PROFILE, b"profiles.ini"),
        ((b"Local State", b"Default"), Reason.PROFILE, b"Local State"),
        ((b"prefs.js", b"ImapMail"), Reason.PROFILE, b"prefs.js"),
        ((b"Preferences", b"History"), Reason.PROFILE, b"Preferences"),
        ((b"cur", b"new", b"tmp"), Reason.MAIL, b"cur"),
        ((b"Inbox", b"Inbox.msf"), Reason.MAIL, b"Inbox.msf"),
        ((b"mbox", b"table_of_contents"), Reason.MAIL, b"mbox"),
        ((b"MailData", b"x"), Reason.MAIL, b"MailData"),
        ((b"Song.als", b"Ableton Project Info"), Reason.STUDIO, b"Ableton Project Info"),
        ((b"Take.aup", b"Take_data"), Reason.STUDIO, b"Take.aup"),
        ((b"metadata.db", b"Some Author"), Reason.LIBRARY, b"metadata.db"),
        ((b"Mine.lrcat",), Reason.LIBRARY, b"Mine.lrcat"),
        ((b"digikam4.db",), Reason.LIBRARY, b"digikam4.db"),
        ((b"X.cocatalogdb",), Reason.LIBRARY, b"X.cocatalogdb"),
        ((b"iTunes Library.itl",), Reason.LIBRARY, b"iTunes Library.itl"),
        ((b"steamapps",), Reason.GAME, b"steamapps"),
        ((b"Game.exe", b"Game_Data"), Reason.GAME, b"Game.exe"),
        ((b"Game.x86_64", b"Game_Data"), Reason.GAME, b"Game.x86_64"),
        ((b"CURRENT", b"MANIFEST-000001"), Reason.DATABASE, b"CURRENT"),
        ((b"CURRENT", b"000004.sst"), Reason.DATABASE, b"CURRENT"),
        ((b"PG_VERSION",), Reason.DATABASE, b"PG_VERSION"),
        ((b"Manifest.db", b"Info.plist"), Reason.BACKUP, b"Manifest.db"),
        ((b"HEAD", b"objects", b"refs"), Reason.PROJECT, b"objects"),
        ((b".obsidian",), Reason.PROJECT, b".obsidian"),
        ((b"etc", b"usr", b"bin"), Reason.OTHER_SYSTEM, b"etc"),
        ((b"Windows", b"Program Files"), Reason.OTHER_SYSTEM, b"Windows"),
    ],
)  # fmt: skip
def test_what_no_folder_of_downloads_has(names: tuple[bytes, ...], reason: Reason, marker: bytes) -> None:
    assert judged(*LOOSE, *names) == (reason, marker)
    assert judged(*LOOSE, *names, surely=True) == (reason, marker)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((b"Win.vmx",), Reason.VIRTUAL_MACHINE),
        ((b"tool.exe", b"Qt5Core.dll"), Reason.PROGRAM),
        ((b"TOOL.EXE", b"X.DLL"), Reason.PROGRAM),
        ((b"beat.flp",), Reason.STUDIO),
        ((b"mix.rpp",), Reason.STUDIO),
        ((b"cut.prproj",), Reason.STUDIO),
        ((b"grade.drp",), Reason.STUDIO),
        ((b"x.acf",), Reason.GAME),
        ((b"game.pck",), Reason.GAME),
        ((b"package.json",), Reason.PROJECT),
        ((b"Makefile",), Reason.PROJECT),
    ],
)
def test_what_may_have_been_downloaded_by_itself(names: tuple[bytes, ...], reason: Reason) -> None:
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
    assert judged(b"App", b"Data", below=(b"App/AppInfo",)) == (Reason.PROGRAM, b"App/AppInfo")
    assert judged(b"App", b"Data") is None
    assert judged(b"Data", below=(b"App/AppInfo",)) is None


def test_signs_may_come_in_several_parts() -> None:
    parts = ([b"MANIFEST-000001", b"a.jpg"], [b"b.jpg"], [b"CURRENT"])
    assert whole_folder(lambda: parts, lambda _: False) == (Reason.DATABASE, b"CURRENT")


@pytest.mark.parametrize("rule", whole_folders._RULES)
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
