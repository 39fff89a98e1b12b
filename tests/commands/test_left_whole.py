"""Folders kept whole: no command moves a file out of them or into them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.reasons import ReasonCode
from fileorg.rules.ignore import IgnoreReason
from fileorg.storage.base import BATCH_ENTRIES

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

WHOLE: dict[str, dict[str, str]] = {
    "VMware": {"m/Win 10.vmx": "x", "m/Win 10.vmdk": "disk", "m/vmware.log": "", "m/notes.txt": "same"},
    "VirtualBox": {"m/Debian.vbox": "x", "m/Debian.vdi": "disk", "m/Logs/": "", "m/notes.txt": "same"},
    "a lone .vmx": {"m/Win.vmx": "x", "m/notes.txt": "same", "m/empty.txt": ""},
    "Hyper-V": {"m/Virtual Machines/D.vmcx": "x", "m/Virtual Hard Disks/d.vhdx": "y", "m/notes.txt": "same"},
    "UTM": {"Mac.utm/config.plist": "x", "Mac.utm/Data/d.qcow2": "y", "Mac.utm/notes.txt": "same"},
    "Parallels": {"m/config.pvs": "x", "m/notes.txt": "same", "m/empty/": ""},
    "DVD": {"Film/VIDEO_TS/VTS_01_1.VOB": "x", "Film/cover.jpg": "same", "Film/AUDIO_TS/": ""},
    "Blu-ray": {"Film/BDMV/STREAM/1.m2ts": "x", "Film/cover.jpg": "same", "Film/BDMV/AUXDATA/": ""},
    "a disc by a link that leads nowhere": {"Film/VIDEO_TS": "-> /nowhere/VIDEO_TS", "Film/cover.jpg": "same"},
    "Firefox": {"p/prefs.js": "x", "p/places.sqlite": "y", "p/notes.txt": "same", "p/crashes/events/": ""},
    "Chromium": {"p/Local State": "{}", "p/Default/Preferences": "", "p/Default/notes.txt": "same"},
    "Thunderbird": {"p/profiles.ini": "x", "p/a.default/Mail/Local Folders/Inbox": "", "p/notes.txt": "same"},
    "Maildir": {"mail/cur/1.eml": "same", "mail/new/": "", "mail/tmp/": ""},
    "mbox folder": {"Inbox.mbox/mbox": "x", "Inbox.mbox/notes.txt": "same", "Inbox.mbox/empty.txt": ""},
    "Ableton": {"Song/Song.als": "x", "Song/Ableton Project Info/": "", "Song/Samples/kick.wav": "same"},
    "FL Studio": {"Song/beat.flp": "x", "Song/kick.wav": "same", "Song/Backup/": ""},
    "Reaper": {"Song/mix.rpp": "x", "Song/kick.wav": "same", "Song/take.wav": ""},
    "Audacity": {"Take/Take.aup": "x", "Take/Take_data/e00/a.au": "same"},
    "Premiere": {"Cut/cut.prproj": "x", "Cut/a.mp4": "same", "Cut/Empty/": ""},
    "ScreenFlow": {"Talk.screenflow/version.plist": "same", "Talk.screenflow/movie.mov": "one"},
    "Address Book": {"People.abbu/a.vcf": "same", "People.abbu/Images/": ""},
    "Camtasia": {"Demo.cmproj/notes.txt": "same", "Demo.cmproj/recordings/": ""},
    "Final Cut": {"Old.fcarch/a.mov": "same", "New.fcpbundle/b.mov": "same"},
    "Calibre": {"Books/metadata.db": "x", "Books/Ann/Title (1)/t.epub": "same", "Books/Ann/Title (1)/cover.jpg": ""},
    "Lightroom": {"L/Mine.lrcat": "x", "L/a.jpg": "same", "L/Backups/": ""},
    "Capture One": {"C.cocatalog/C.cocatalogdb": "x", "C.cocatalog/Originals/a.jpg": "same"},
    "digiKam": {"D/digikam4.db": "x", "D/a.jpg": "same", "D/empty.jpg": ""},
    "Steam": {"S/steamapps/common/G/a.png": "same", "S/steam.txt": ""},
    "Unity": {"G/Game.exe": "x", "G/Game_Data/a.png": "same", "G/Game_Data/Managed/": ""},
    "a program and its libraries": {"T/tool.exe": "x", "T/Qt5.dll": "y", "T/manual.pdf": "same", "T/log.txt": ""},
    "PortableApps": {"F/App/AppInfo/appinfo.ini": "x", "F/help.html": "same", "F/Data/settings/": ""},
    "LevelDB": {"db/CURRENT": "x", "db/MANIFEST-000001": "y", "db/000003.log": "", "db/000005.ldb": "same"},
    "RocksDB": {"db/CURRENT": "x", "db/MANIFEST-000001": "y", "db/000004.sst": "same", "db/LOCK": ""},
    "git-annex": {"A/.git/annex/objects/x": "same", "A/a.jpg": "-> .git/annex/objects/x", "A/b.jpg": "same"},
    "Obsidian": {"N/.obsidian/app.json": "{}", "N/a.md": "same", "N/b.png": ""},
    "Zim": {"N/notebook.zim": "x", "N/Home.txt": "same", "N/Home/a.png": ""},
    "gocryptfs": {"V/gocryptfs.conf": "{}", "V/gocryptfs.diriv": "x", "V/note.txt": "same", "V/empty.txt": ""},
    "Cryptomator": {"V/vault.cryptomator": "x", "V/IMPORTANT.rtf": "same", "V/d/A/x.c9r": "y"},
    "rsnapshot": {"R/daily.0/etc/a.conf": "same", "R/daily.1/etc/a.conf": "same", "R/daily.1/etc/b.txt": ""},
    "a phone's backup": {"B/Manifest.db": "x", "B/Info.plist": "x", "B/00/00a.jpg": "same"},
}  # fmt: skip
LOOSE = {"loose.txt": "t", "other.txt": "same"}


@pytest.mark.parametrize("kind", WHOLE)
def test_nothing_goes_out_of_it(tree: Tree, runs: Runs, kind: str) -> None:
    """Each of the files has a duplicate: dedupe removes none of these either."""
    duplicate = {f"twin/{path}": content for path, content in WHOLE[kind].items()}
    tree.write(WHOLE[kind] | duplicate | LOOSE | {"full/x.txt": "x"})
    before = tree.snapshot()
    assert runs.organize(recursive=True).done == 3
    assert {"Documents/loose.txt", "Documents/other.txt", "Documents/x.txt"} <= tree.read().keys()
    runs.undo()
    assert tree.snapshot() == before
    tree.write({"pair.dat": "same again", "pair too.dat": "same again"})
    before = tree.snapshot()
    assert runs.dedupe("quarantine").done == 1
    assert runs.undo().done == 1
    assert runs.clean_dry_run() == []
    assert tree.snapshot() == before


@pytest.mark.parametrize("kind", ["VMware", "DVD", "Maildir", "FL Studio", "a program and its libraries", "Calibre"])
def test_everything_asks_for_it(tree: Tree, runs: Runs, kind: str) -> None:
    tree.write(WHOLE[kind] | LOOSE)
    before = tree.snapshot()
    assert runs.organize(recursive=True, all_files=True, by="extension").done > len(LOOSE)
    runs.undo()
    assert tree.snapshot() == before
    assert runs.dedupe("quarantine", all_files=True).done == 1
    runs.undo()
    assert tree.snapshot() == before
    tree.write({next(iter(WHOLE[kind])).split("/")[0] + "/one more.txt": ""})
    assert runs.clean_dry_run() == []
    assert any(row.source_name == b"one more.txt" for row in runs.clean_dry_run(all_files=True))


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        (["Win.vmx"], IgnoreReason.VIRTUAL_MACHINE),
        (["zz.exe", "zzz.dll"], IgnoreReason.PROGRAM),
        (["CURRENT", "MANIFEST-000001"], IgnoreReason.DATABASE),
        (["Game.exe", "Game_Data"], IgnoreReason.GAME),
        (["zz.sln"], IgnoreReason.PROJECT),
    ],
)
def test_signs_in_any_part_of_a_large_folder(tree: Tree, runs: Runs, signs: list[str], reason: IgnoreReason) -> None:
    tree.write({"big/": ""})
    for number in range(2 * BATCH_ENTRIES):
        os.mknod(tree.path(f"big/{number:05}.txt"))
    tree.write({f"big/{sign}": "" for sign in signs})
    with runs.organizing(recursive=True) as run:
        assert run.plan.files == 0
        assert run.seen.ignored == {reason: 1}


def test_a_folder_with_something_that_strayed_is_sorted(tree: Tree, runs: Runs) -> None:
    """This is the root that the command was given: the files in it may be downloads."""
    stray = dict.fromkeys(["Win.vmx", "beat.flp", "package.json", "old.acf", "tool.exe", "tool.dll"], "x")
    tree.write(stray | {"a.jpg": "1"})
    runs.organize()
    assert "Images/a.jpg" in tree.read()


# No file is moved into one --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("became", "marker"),
    [
        ({"Video/VIDEO_TS/": ""}, b"Video/VIDEO_TS"),
        ({"Video/.git/HEAD": "x"}, b"Video/.git"),
        ({"Video/Win.vmx": "x", "Video/Win.nvram": "y"}, b"Video/Win.vmx"),
        ({"Video/steamapps/": ""}, b"Video/steamapps"),
        ({"Video/BDMV": "-> nowhere"}, b"Video/BDMV"),
        ({"Video/Mine.lrcat": "x"}, b"Video/Mine.lrcat"),
    ],
)
def test_a_target_folder_that_has_become_one(tree: Tree, runs: Runs, became: dict[str, str], marker: bytes) -> None:
    tree.write(became | {"a.mp4": "1", "b.jpg": "2"})
    outcome = runs.organize()
    [problem] = outcome.problems
    assert (problem.path, problem.reason and problem.reason[:2]) == (b"a.mp4", (ReasonCode.FOLDER_IS_WHOLE, marker))
    assert tree.path("a.mp4").exists()
    assert tree.path("Images/b.jpg").exists()
    assert runs.organize(all_files=True).done
    assert tree.path("Video/a.mp4").exists()


def test_a_target_folder_in_one_or_called_like_one(tree: Tree, runs: Runs) -> None:
    tree.write({"Work/.hg/": "", "Work/Images/": "", "Pics.photoslibrary/": "", "a.jpg": "1"})
    before = tree.snapshot()
    for template in ("Work/{category}/{name}", "Pics.photoslibrary/{name}", "Work/new/{name}"):
        assert runs.organize(template=template).done == 0
    assert tree.snapshot() == before


def test_files_that_were_sorted_do_not_make_their_folder_whole(tree: Tree, runs: Runs) -> None:
    """A first run sorted stray files of projects and programs: their folder stays a target."""
    tree.write({"Code/Makefile": "x", "Code/setup.py": "x", "Data/package.json": "x", "Audio/beat.flp": "x"})
    tree.write({"Programs/a.exe": "x", "Programs/b.dll": "x", "new.py": "1", "new.json": "2", "new.wav": "3"})
    assert runs.organize().done == 3


def test_the_trash_and_what_is_undone_still_go_where_they_belong(tree: Tree, runs: Runs) -> None:
    tree.write({"x/a.jpg": "1", "b.jpg": "2"})
    before = tree.snapshot()
    runs.organize(recursive=True)
    tree.write({"x/VIDEO_TS/": ""})
    assert runs.undo().problems == []
    tree.path("x/VIDEO_TS").rmdir()
    tree.set_time("x", before[b"x"].mtime_ns)
    assert tree.snapshot() == before
