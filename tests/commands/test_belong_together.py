"""Files that belong together are sorted together; unfinished and open files stay: before and after, kind by kind."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support.tree import DAY_NS

from fileorg.core.model import By, OnConflict
from fileorg.rules.ignore import IgnoreReason

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


class Case(NamedTuple):
    """The names of one group, and its target folder; `""` if it stays. The content of each file is its name."""

    folder: str
    names: tuple[str, ...]
    contents: dict[str, str] = {}  # noqa: RUF012

    def before(self) -> dict[str, str]:
        return {name: self.contents.get(name, name) for name in self.names}

    def after(self) -> dict[str, str]:
        return {f"{self.folder}/{name}".lstrip("/"): content for name, content in self.before().items()}


def case(folder: str, *names: str, **contents: str) -> Case:
    """Return a case; `contents` are given by the suffix of a name."""
    return Case(folder, names, {name: text for name in names if (text := contents.get(name.rpartition(".")[2]))})


def stays(*names: str, **contents: str) -> Case:
    return case("", *names, **contents)


LONG = "A long day at the sea, with all of us and the dogs, 2019"
SUM = "0a" * 32

GOES = {
    "databases and their logs": (
        case("Data", "a.db", "a.db-wal", "a.db-shm"),
        case("Data", "b.sqlite", "b.sqlite-journal"),
        case("Data", "c.sqlite3", "c.sqlite3-wal"),
        case("Data", "d.gpkg", "d.gpkg-shm", "d.gpkg-wal"),
        case("Data", "e.dbf", "e.cdx", "e.fpt"),
        case("Data", "f.mdb-x.db", "f.mdb-x.db-journal"),
        case("Data", "g.duckdb", "g.duckdb.wal"),
    ),
    "edits of pictures": (
        case("Images", "a.nef", "a.xmp", "a.nef.pp3", "a.dop"),
        case("Images", "b.cr2", "b_01.cr2.xmp", "b.cr2.xmp", "b_02.cr2.xmp"),
        case("Images", "c.jpg", "c.jpg.out.pp3", "c.jpg.dop"),
        case("Images", "d.raf", "d.cos", "d.arp"),
        case("Images", "e.heic", "e.aae", "e.MOV", "e.heic.xmp"),
        case("Images", "f.cr3", "f.dr4", "f.vrd"),
        case("Images", "DSC_0001.NEF", "DSC_0001.WAV"),
    ),
    "what Takeout hands out": (
        case("Images", "a.jpg", "a.jpg.json"),
        case("Images", "b.jpg", "b.jpg.supplemental-metadata.json", "b-edited.jpg"),
        case("Images", "c(1).jpg", "c.jpg(1).json"),
        case("Images", "d(2).jpg", "d.jpg.supplemental-me(2).json"),
        case("Images", f"{LONG}.jpg", f"{LONG[:46]}.json"),
        case("Images", f"é{LONG}.jpg", f"é{LONG[:45]}.json"),
        case("Images", "g.heic", "g.heic.suppl.json", "g.MP4"),
        case("Images", "h.png", "h.png..json"),
        case("Video", "i.mp4", "i.mp4.s.json"),
    ),
    "pictures of phones": (
        case("Images", "IMG_0001.HEIC", "IMG_E0001.HEIC", "IMG_0001.AAE", "IMG_O0001.AAE", "IMG_0001.MOV"),
        case("Images", "a.jpg", "a-edited.jpg", "a-bearbeitet.jpg"),
        case("Images", "b.jpg", "b~2.jpg"),
        case("Images", "c.jpg", "c-modifié.jpg", "c-編集済み.jpg"),
        case("Images", "PXL_1.MP.jpg", "PXL_1.MP", "PXL_1.MP~2.jpg"),
        case("Images", "PXL_2.RAW-01.COVER.jpg", "PXL_2.RAW-02.ORIGINAL.dng"),
        case("Images", "PXL_3.PORTRAIT-01.COVER.jpg", "PXL_3.PORTRAIT-02.ORIGINAL.jpg"),
    ),
    "bursts": (
        case("Images", "IMG_1_BURST001_COVER.jpg", "IMG_1_BURST002.jpg", "IMG_1_BURST003.jpg"),
        case("Images", "IMG_2_BURST1.jpg", "IMG_2_BURST2.jpg"),
        case("Images", "00000IMG_00000_BURST20180101120000_COVER.jpg", "00001IMG_00001_BURST20180101120000.jpg"),
        case("Images", "DSC_0001_BURST20190101120000123_COVER.JPG", "DSC_0002_BURST20190101120000123.JPG"),
        case("Images", "PXL_4.MOTION-01.COVER.jpg", "PXL_4.MOTION-02.ORIGINAL.mp4"),
    ),
    "films": (
        case("Video", "A film (2017).mkv", "A film (2017).nfo", "A film (2017)-poster.jpg", "A film (2017).en.srt"),
        case("Video", "b.mp4", "b.pt-BR.forced.srt", "b.zh-Hans.sdh.srt", "b.English (SDH).srt"),
        case("Video", "c.avi", "c.idx", "c.sub", "c-fanart2.png", "c-clearlogo.png"),
        case("Video", "d.mkv", "d-trailer.mp4", "d-320-10.bif", "d.de.ac3"),
        case("Video", "e.webm", "e.info.json", "e.description", "e.live_chat.json"),
        case("Video", "f.mp4", "f_eng.srt", "f-de.ass", "f.en.forced.sdh.hi.srt"),
        case("Video", "DJI_0001.MP4", "DJI_0001.SRT", "DJI_0001.LRF"),
        case("Video", "GX010042.MP4", "GX020042.MP4", "GL010042.LRV", "GX010042.THM"),
        case("Video", "C0001.MP4", "C0001M01.XML", "C0001T01.JPG"),
        case("Video", "g.mkv", "g.sup", "g.en.ttml"),
        case("Video", "h.mp4", "h.webp", "h.info.json"),
        case("Video", "i [dQw4w9WgXcQ].webm", "i [dQw4w9WgXcQ].jpg"),
    ),
    "sounds": (
        case("Audio", "a.flac", "a.log", "a.accurip"),
        case("Audio", "b.wav", "b.wav.asd", "b.sfk"),
        case("Audio", "c.mp3", "c.lrc", "c.cdg"),
        case("Audio", "d.wav", "d.wav.reapeaks", "d.wav 48000.pek"),
        case("Audio", "e.mp3", "e.info.json", "e.chapters.txt"),
        case("Audio", "f.m4a", "f.webp", "f.description"),
        case("Audio", "h.wv", "h.wvc"),
        Case("Audio", ("01 one.flac", "g.cue", "g.log"), {"g.cue": 'FILE "01 one.flac" WAVE\n'}),
    ),
    "parts of archives": (
        case("Archives", "a.part1.rar", "a.part2.rar", "a.part10.rar"),
        case("Archives", "b.rar", "b.r00", "b.r01", "b.s00", "b.rev", "b.sfv"),
        case("Archives", "c.7z.001", "c.7z.002", "c.7z.003"),
        case("Archives", "d.zip", "d.z01", "d.z02", "d.par2", "d.vol003+04.par2"),
        case("Archives", "e.arj", "e.a01", "e.a02"),
        case("Disk images", "f.E01", "f.E02", "f.EAA"),
        case("Disk images", "g.swm", "g2.swm", "g3.swm"),
    ),
    "installers of several volumes": (
        case("Installers", "a.part1.exe", "a.part2.rar", "a.part3.rar"),
        case("Installers", "setup_b_1.0_(64bit).exe", "setup_b_1.0_(64bit)-1.bin", "setup_b_1.0_(64bit)-2.bin"),
        case("Installers", "c.exe", "c.r00", "c.r01"),
        case("Installers", "d.exe", "d.001", "d.002"),
        case("Installers", "e.msi", "e.mst", "e.cab"),
        case("Installers", "h.apk", "h.obb"),
        case("Installers", "i.exe", "i.ini"),
        case("Installers", "f.exe", "f-1a.bin", "f-1b.bin"),
        case("Installers", "g.dmg", "g.002.dmgpart", "g.003.dmgpart"),
    ),
    "checksums and signatures": (
        case("Disk images", "a.iso", "a.iso.sha256", "a.iso.sha256.asc", "a.iso.torrent"),
        case("Archives", "b.tar.gz", "b.tar.gz.sig", "b.tar.gz.minisig"),
        case("Documents", "c.pdf", "c.pdf.p7s", "c.pdf.tsr"),
        case("Installers", "d.deb", "d.deb.md5sum", "d.deb.asc"),
        case("Archives", "e.tar.xz", "e.tar.sign"),
        case("Disk images", "f.iso", "f.md5"),
        case("Disk images", "j.iso", "j.zsync", "j.torrent"),
        case("Documents", "k.pdf", "k.sig", "k.sha256"),
        case("Data", "l.parquet", "l.md5"),
        Case("Archives", ("m1.zip", "m2.zip", "all.sha256"), {"all.sha256": f"{SUM}  m1.zip\n{SUM}  m2.zip\n"}),
        Case("Images", ("n1.png", "n2.png", "all.sfv"), {"all.sfv": "; by hand\nn1.png 0A1B2C3D\nn2.png 01234567\n"}),
        Case("Disk images", ("g.iso", "h.iso", "SHA256SUMS"), {"SHA256SUMS": f"{SUM}  g.iso\n{SUM} *h.iso\n"}),
        Case("Archives", ("i.tar.xz", "i_1.dsc"), {"i_1.dsc": f"Files:\n {SUM[:32]} 20 i.tar.xz\n"}),
    ),
    "maps": (
        case("Data", "a.shp", "a.shx", "a.dbf", "a.prj", "a.cpg", "a.shp.xml", "a.sbn"),
        case("Images", "b.tif", "b.tfw", "b.tif.aux.xml", "b.tif.ovr"),
        case("Images", "c.jpg", "c.jgw", "c.aux.xml"),
        case("Spreadsheets", "d.csv", "d.csvt"),
        case("Images", "e.png", "e.pgwx", "e.prj"),
        case("Data", "f.las", "f.lax"),
    ),
    "discs and machines": (
        case("Disk images", "a.img", "a.ccd", "a.sub"),
        case("Disk images", "b.iso", "b.mds"),
        case("Disk images", "c.vmdk", "c-flat.vmdk", "c-s001.vmdk"),
        case("Disk images", "d.iso", "d.dvd", "d.iso.zsync"),
        Case("Audio", ("e.flac", "disc.cue"), {"disc.cue": 'FILE "e.flac" WAVE\n'}),
        case("Disk images", "f.b6t", "f.b6i"),
        case("Disk images", "g.ova", "g.mf"),
    ),
    "halves and marks of other systems": (
        case("Images", "a.jpg", "._a.jpg"),
        case("Documents", "b.pdf", "b.pdf:Zone.Identifier"),
        case("Documents", "c.pdf", "c.pdf\uf03aZone.Identifier"),
        case("Archives", "d.zip", "d.zip:com.apple.quarantine"),
        case("Installers", "e.exe", "e.exe:SmartScreen", "e.exe:Zone.Identifier:$DATA"),
        case("Images", "f.heic", "._f.heic", "f.AAE", "._f.AAE"),
    ),
    "what TeX makes": (
        case("Documents", "a.tex", "a.aux", "a.toc", "a.log"),
        case("Documents", "b.tex", "b.synctex.gz", "b.out"),
        case("Documents", "c.tex", "c.bbl", "c.blg", "c.run.xml"),
        case("Documents", "d.ltx", "d.lof", "d.lot"),
        case("Documents", "e.tex", "e.nav", "e.snm", "e.fls", "e.fdb_latexmk"),
    ),
    "books, fonts, models, backups": (
        case("Ebooks", "b.epub", "b.opf"),
        case("Fonts", "c.pfb", "c.afm", "c.pfm"),
        case("Design", "d.obj", "d.mtl"),
        Case("Design", ("m.gltf", "m0.bin", "oak.png"), {"m.gltf": '[{"uri": "m0.bin"}, {"uri":"oak.png"}]'}),
        Case("Design", ("n.obj", "o.mtl", "o.jpg"), {"n.obj": "mtllib o.mtl\n", "o.mtl": "map_Kd o.jpg\n"}),
        case("Design", "e.blend", "e.blend1", "e.blend2"),
        case("Documents", "f.txt", "f.txt~", "f.txt.bak"),
        case("Images", "g.jpg", "g.jpg_original"),
    ),
}

STAYS = {
    "downloads of browsers": (
        stays("a.pdf", "a.pdf.part"),
        stays("b.zip", "b.zip.crdownload"),
        stays("c.mp4", "c.aB3xYz9k.mp4.part"),
        stays("d.tar.gz", "d.tar.aB3xYz9k.gz.part"),
        stays("e.pdf", "e.pdf.crswap"),
        stays("f.iso", "f.iso.opdownload"),
        stays("g.docx", "g.docx.partial"),
        stays("Unconfirmed 123456.crdownload"),
        stays("h.zip", "h.zip.wkdownload"),
    ),
    "downloads of other programs": (
        stays("a.iso", "a.iso.aria2"),
        stays("b.zip", "b.zip.st"),
        stays("c.iso", "c.iso.lftp-pget-status"),
        stays("d.mp4.part-Frag3", "d.mp4.part-Frag4.part"),
        stays("e.mp4", "e.mp4.ytdl", "e.mp4.part"),
        stays("f.f137.mp4", "f.f140.m4a"),
        stays("g.mkv", "g.temp.mkv"),
        stays("h.mkv", "h.mkv.!qB"),
        stays("i.pdf", "i.pdf.!abc"),
        stays("j.rar", "j.rar.xltd", "j.rar.xltd.cfg"),
        stays("k.mp4", "k.mp4.part-Frag3"),
    ),
    "clouds and copying programs": (
        stays("a.iso", ".syncthing.a.iso.tmp"),
        stays("b.iso", "~syncthing~b.iso.tmp"),
        stays("c.odt", ".c.odt.~5c3a1b"),
        stays("d.mkv", "d.mkv.!sync"),
        stays("e.pdf", ".e.pdf.x7Gh2k"),
        stays("f.iso", "f.iso.1a2b3c4d.partial"),
        stays("g.zip", "g.zip.ocTransferId12345.part"),
        stays("h.zip", "h.zip.filepart"),
        stays("i.jpg", "i.jpg_exiftool_tmp"),
        stays("j.pdf.nextcloud", "k.docx.rsls"),
    ),
    "documents that are open": (
        stays("a.odt", ".~lock.a.odt#"),
        stays("b.docx", "~$b.docx"),
        stays("report.docx", "~$port.docx"),
        stays("budget.xlsx", "~$udget.xlsx"),
        stays("e.mdb", "e.ldb"),
        stays("f.accdb", "f.laccdb"),
        stays("g.docx", ".~g.docx"),
        stays("h.vsdx", "~$$h.~vsdx"),
    ),
    "files that are open in an editor": (
        stays("a.txt", ".a.txt.swp"),
        stays("b.py", ".b.py.swo"),
        stays("c.md", "#c.md#"),
        stays("d.txt", ".#d.txt"),
        stays("e.c", ".e.c.kate-swp"),
        stays("f.blend", "f.blend@"),
        stays("g.tex", "g.synctex.gz(busy)"),
        stays("h.kra", ".h.kra-autosave.kra"),
    ),
    "projects and stores that are open": (
        stays("a.dwg", "a.dwl", "a.dwl2"),
        stays("b.indd", "~b~1x7gt2.idlk"),
        stays("c.kdbx", ".c.kdbx.lock"),
        stays("d.kicad_pcb", "~d.kicad_pcb.lck"),
        stays("e.gnucash", "e.gnucash.LCK"),
        stays("f.prproj", "f.prlock"),
        stays("g.shp", "g.shx", "g.shp.HOST.123.456.sr.lock"),
        stays("h.3dm", "h.3dm.rhl"),
        stays("i.pst", "i.pst.lock"),
    ),
    "saved pages": (
        stays("a.html", "a_files/1.png"),
        stays("b.htm", "b-Dateien/1.png"),
        stays("c.html", "c_fichiers/style.css", "c_fichiers/1.js"),
        stays("d.html", "d_archivos/1.jpg"),
        stays("e.htm", "e.files/filelist.xml"),
        stays("f.html", "f_файлы/1.png"),
        stays("g.xhtml", "g_文件/1.png"),
        Case("", ("h.html", "h_bilder/1.png"), {"h.html": '<img src="h_bilder/1.png">'}),
    ),
    "files with a folder": (
        stays("a.mkv", "a.trickplay/320/0.jpg"),
        stays("b.epub", "b.sdr/metadata.epub.lua"),
        stays("c.fbx", "c.fbm/1.png"),
        stays("d.mrxs", "d/Data0001.dat"),
        stays("e.pdf", "e.pdf.sdr/metadata.pdf.lua"),
    ),
    "sheets of what is no known kind": (
        Case("", ("Game.cue", "Game (Track 1).bin"), {"Game.cue": 'FILE "Game (Track 1).bin" BINARY\n'}),
        stays("b.cue", "b.bin"),
        Case("", ("c.gdi", "track01.bin", "t2.raw"), {"c.gdi": "2\n1 0 4 2352 track01.bin 0\n2 6 0 2352 t2.raw 0\n"}),
        Case("", ("d.toc", "dd.bin"), {"d.toc": 'CD_ROM\nDATAFILE "dd.bin"\n'}),
        stays("server.crt", "server.key"),
        stays("id_ed25519", "id_ed25519.pub"),
    ),
}  # fmt: skip
CONTROL = {"plain.txt": "plain"}


def before(cases: tuple[Case, ...]) -> dict[str, str]:
    return CONTROL | {path: text for each in cases for path, text in each.before().items()}


@pytest.mark.parametrize("kind", [*GOES, *STAYS])
def test_it_is_sorted_as_one_and_comes_back(tree: Tree, runs: Runs, kind: str) -> None:
    cases = (GOES | STAYS)[kind]
    tree.write(before(cases))
    there = tree.snapshot()
    runs.organize(recursive=True)
    after = {"Documents/plain.txt": "plain"} | {path: text for each in cases for path, text in each.after().items()}
    assert tree.read() == after
    runs.undo()
    assert tree.snapshot() == there


@pytest.mark.parametrize(
    ("together", "apart"),
    [
        (["setup.exe", "setup.dll"], ["other.exe"]),
        (["b.EXE", "B.dll"], ["c.exe", "d.msi"]),
        (["setup.exe", "core.dll", "data.dll", "setup-1.bin"], ["a.msi"]),
        (["tool.exe", "zlib1.dll", "tool.exe.sha256"], ["a.deb"]),
    ],
)
def test_a_program_stays_with_its_libraries(tree: Tree, runs: Runs, together: list[str], apart: list[str]) -> None:
    tree.write({name: name for name in (*together, *apart)})
    there = tree.snapshot()
    runs.organize()
    assert set(tree.read()) == {*together, *(f"Installers/{name}" for name in apart)}
    runs.undo()
    assert tree.snapshot() == there


def test_libraries_beside_several_programs_belong_to_none(tree: Tree, runs: Runs) -> None:
    tree.write({"a.exe": "a", "b.exe": "b", "xinput1_3.dll": "x"})
    runs.organize()
    assert set(tree.read()) == {"Installers/a.exe", "Installers/b.exe", "xinput1_3.dll"}


@pytest.mark.parametrize("by", [By.EXTENSION, By.DATE])
@pytest.mark.parametrize("kind", GOES)
def test_by_extension_and_by_date_of_the_leader_it_stays_one(tree: Tree, runs: Runs, kind: str, by: By) -> None:
    """Each file has another date."""
    cases = GOES[kind]
    tree.write(before(cases))
    for number, path in enumerate(sorted(tree.read())):
        tree.set_time(path, (14_000 + 40 * number) * DAY_NS)
    runs.organize(by=by)
    folder_of = {os.path.basename(path): os.path.dirname(path) for path in tree.read()}
    for each in cases:
        assert len({folder_of[name] for name in each.names}) == 1, each
    assert folder_of["plain.txt"]


@pytest.mark.parametrize("kind", STAYS)
def test_by_extension_what_stays_stays(tree: Tree, runs: Runs, kind: str) -> None:
    tree.write(before(STAYS[kind]))
    there = tree.read()
    runs.organize(by=By.EXTENSION, recursive=True)
    if kind == "sheets of what is no known kind":  # these files have an extension
        folder_of = {os.path.basename(path): os.path.dirname(path) for path in tree.read()}
        assert all(len({folder_of[name] for name in each.names}) == 1 for each in STAYS[kind])
    else:
        assert tree.read() == {path: text for path, text in there.items() if path != "plain.txt"} | {
            "txt/plain.txt": "plain"
        }


@pytest.mark.parametrize("kind", GOES)
def test_where_names_are_taken_it_gets_one_number_or_stays(tree: Tree, runs: Runs, kind: str) -> None:
    cases = GOES[kind]
    tree.write(before(cases))
    tree.write({f"{each.folder}/{each.names[-1]}": "another" for each in cases})
    there = tree.snapshot()
    runs.organize(on_conflict=OnConflict.RENAME)
    found: dict[str, list[str]] = {}
    for path, text in tree.read().items():
        found.setdefault(text, []).append(path)
    for each in cases:
        paths = [path for text in each.before().values() for path in found[text]]
        assert len(paths) == len(each.names), each
        assert len({os.path.dirname(path) for path in paths}) == 1, each
        assert len({" (2)" in path for path in paths}) == 1, each
    runs.undo()
    assert tree.snapshot() == there


TWICE = [kind for kind in GOES if kind != "what TeX makes"]  # its folder is a project


@pytest.mark.parametrize("kind", TWICE)
def test_a_copy_of_a_group_goes_as_a_whole_and_comes_back(tree: Tree, runs: Runs, kind: str) -> None:
    files = {path: text for each in GOES[kind] for path, text in each.before().items()}
    tree.write({f"{folder}/{path}": text for folder in ("one", "two") for path, text in files.items()})
    there = tree.snapshot()
    runs.dedupe("quarantine")
    assert visible(tree) == {f"one/{path}": text for path, text in files.items()} | {"two/": ""}
    runs.undo()
    assert tree.snapshot() == there


@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("kind", TWICE)
def test_groups_that_differ_in_one_file_are_both_kept(tree: Tree, runs: Runs, kind: str, at: int) -> None:
    """It makes no difference whether that is the first or the last file."""
    cases = [each for each in GOES[kind] if not each.contents]
    files = {path: text for each in cases for path, text in each.before().items()}
    differing = {each.names[at]: f"another {each.names[at]}" for each in cases}
    tree.write({f"one/{path}": text for path, text in (files | CONTROL).items()})
    tree.write({f"two/{path}": text for path, text in (files | CONTROL | differing).items()})
    there = tree.read()
    del there["two/plain.txt"]
    runs.dedupe("quarantine")
    assert visible(tree) == there


MARKED = [
    kind for kind in STAYS if kind not in {"saved pages", "files with a folder", "sheets of what is no known kind"}
]


def visible(tree: Tree) -> dict[str, str]:
    """Return the tree without the trash."""
    return {path: text for path, text in tree.read().items() if not path.startswith(".fileorg/")}


@pytest.mark.parametrize("kind", MARKED)
def test_empty_files_that_are_not_finished_or_open_are_no_leftovers(tree: Tree, runs: Runs, kind: str) -> None:
    names = dict.fromkeys((name for each in STAYS[kind] for name in each.names), "")
    tree.write(names | {"empty.txt": ""})
    runs.clean()
    assert visible(tree) == names
    runs.undo()
    assert visible(tree) == names | {"empty.txt": ""}


@pytest.mark.parametrize("kind", MARKED)
def test_what_is_not_finished_or_open_is_no_duplicate(tree: Tree, runs: Runs, kind: str) -> None:
    files = {path: text for each in STAYS[kind] for path, text in each.before().items()}
    copies = {f"copies/{number}": text for number, text in enumerate(files.values())}
    tree.write(files | copies | {"plain.txt": "plain", "copies/plain.txt": "plain"})
    runs.dedupe("quarantine")
    assert visible(tree) == files | copies | {"copies/plain.txt": "plain"}


def test_a_placeholder_of_a_browser_is_not_cleaned_away(tree: Tree, runs: Runs) -> None:
    placeholders = {"a.pdf": "", "b.mp4": "", "c.iso": "", "d.zip": "", "e.txt": ""}
    marks = ["a.pdf.part", "b.aB3xYz9k.mp4.part", "c.iso.aria2", "d.zip.crdownload", "e.txt.!qB"]
    tree.write(placeholders | dict.fromkeys(marks, "half") | {"empty.txt": ""})
    runs.clean()
    assert visible(tree) == placeholders | dict.fromkeys(marks, "half")


def test_an_empty_side_car_is_no_leftover(tree: Tree, runs: Runs) -> None:
    files = {
        "a.jpg": "1",
        "a.xmp": "",
        "b.mkv": "2",
        "b.nfo": "",
        "c.iso": "3",
        "c.iso.asc": "",
        "d.db": "4",
        "d.db-wal": "",
    }
    tree.write(files | {"e.mp3": "5", "e.lrc": "", "alone.xmp": ""})
    runs.clean()
    assert visible(tree) == files | {"e.mp3": "5", "e.lrc": ""}


# Bad input ------------------------------------------------------------------------------------------------------------


def test_without_its_leader_each_goes_by_itself(tree: Tree, runs: Runs) -> None:
    tree.write({"a.xmp": "1", "b.srt": "2", "c.part2.rar": "3", "c.part3.rar": "4", "d.jpg.json": "5"})
    runs.organize()
    assert tree.read() == {
        "Images/a.xmp": "1",
        "Video/b.srt": "2",
        "Archives/c.part2.rar": "3",
        "Archives/c.part3.rar": "4",
        "Data/d.jpg.json": "5",
    }


def test_of_two_leaders_the_first_of_its_kind_leads(tree: Tree, runs: Runs) -> None:
    """The camera original of the same case leads; the other file is independent."""
    tree.write(dict.fromkeys(["a.CR2", "a.jpg", "a.xmp", "b.mkv", "b.mp4", "b.srt", "C.jpg", "c.png", "c.aae"], "x"))
    runs.organize(by=By.EXTENSION)
    assert {"cr2/a.CR2", "cr2/a.xmp", "jpg/a.jpg", "mkv/b.mkv", "mkv/b.srt", "mp4/b.mp4"} <= tree.read().keys()
    assert {"png/c.png", "png/c.aae", "jpg/C.jpg"} <= tree.read().keys()


def test_of_a_circle_the_first_by_name_leads(tree: Tree, runs: Runs) -> None:
    sheets = {f"{name}.cue": f'FILE "{other}.cue" BINARY\n' for name, other in ("ab", "bc", "ca")}
    tree.write(sheets | {"d.asc": "1", "d.asc.asc": "2"})
    runs.organize()
    assert {os.path.dirname(path) for path in tree.read() if path.endswith(".cue")} == {"Audio"}
    assert {os.path.dirname(path) for path in tree.read() if path.endswith(".asc")} == {""}


def test_a_lock_of_before_the_system_was_started_is_nobodys(tree: Tree, runs: Runs) -> None:
    locks = {
        "a.odt": ".~lock.a.odt#",
        "b.docx": "~$b.docx",
        "c.txt": ".c.txt.swp",
        "d.dwg": "d.dwl",
        "e.pst": "e.pst.lock",
    }
    tree.write({path: "x" for pair in locks.items() for path in pair})
    booted = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    for lock in locks.values():
        tree.set_time(lock, booted - 10**9)
    runs.organize()
    after = tree.read().keys()
    assert {"Documents/a.odt", "Documents/b.docx", "Documents/c.txt", "Design/d.dwg"} <= after
    assert {".~lock.a.odt#", "~$b.docx", ".c.txt.swp"} <= after


def test_an_abandoned_download_keeps_only_its_own_place(tree: Tree, runs: Runs) -> None:
    """The download is reported as abandoned; a file with its final name is sorted, unless it is a placeholder."""
    tree.write(
        {"a.pdf": "whole", "a.pdf.part": "half", "b.pdf": "", "b.pdf.part": "half", "c.iso": "x", "c.iso.aria2": "y"}
    )
    for name in ("a.pdf.part", "b.pdf.part"):
        tree.set_time(name, time.time_ns() - 365 * DAY_NS)
    with runs.organizing() as run:
        run.run()
        assert run.seen.ignored[IgnoreReason.ABANDONED] >= 1
        assert run.seen.ignored[IgnoreReason.UNFINISHED] >= 2
    assert tree.read() == {
        "Documents/a.pdf": "whole",
        "a.pdf.part": "half",
        "b.pdf": "",
        "b.pdf.part": "half",
        "c.iso": "x",
        "c.iso.aria2": "y",
    }


def test_a_mark_that_is_a_folder_or_a_broken_link_counts_all_the_same(tree: Tree, runs: Runs) -> None:
    tree.write({"a.vmdk": "1", "a.vmdk.lck/M1.lck": "", "b.txt": "2", ".#b.txt": "-> me@host.1:2", "c.pdf": "3"})
    tree.write({"c.pdf.part": "-> nowhere", "d.iso": "4", "d.iso.aria2/": "", "e.odt": "5", ".~lock.e.odt#": "-> x"})
    tree.write({"f.txt": "6"})
    there = tree.read()
    runs.organize(recursive=True)
    assert tree.read() == {path: text for path, text in there.items() if path != "f.txt"} | {"Documents/f.txt": "6"}


def test_a_thousand_side_cars_of_one_file(tree: Tree, runs: Runs) -> None:
    names = [f"a.{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}.{number // 676}.srt" for number in range(1000)]
    tree.write(dict.fromkeys(["a.mkv", *names], "x") | {"Video/a.aa.0.srt": "another"})
    there = tree.snapshot()
    runs.organize()
    after = set(tree.read())
    number = next(path for path in after if path.endswith(".mkv")).removeprefix("Video/a").removesuffix(".mkv")
    assert after == {"Video/a.aa.0.srt", *(f"Video/a{number}{name[1:]}" for name in ["a.mkv", *names])}
    runs.undo()
    assert tree.snapshot() == there


def test_with_everything_what_would_stay_is_sorted(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1", "a.pdf.part": "2", "b.odt": "3", ".~lock.b.odt#": "4"})
    tree.write({"c.html": "5", "c_files/1.png": "6"})
    runs.organize(all_files=True, recursive=True)
    assert {"Documents/a.pdf", "Documents/b.odt", "Documents/c.html", "Images/1.png"} <= tree.read().keys()
