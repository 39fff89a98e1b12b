"""The category of a file by its name and its content: the decision table, as data, and the function that applies it.

The rows are tried in their order, and the first one that fits decides. What is ambiguous by name (`ts`, `key`) is
decided by `rules.heads`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from fileorg.content.file_formats import CATEGORIES, FORMATS
from fileorg.content.types import Certainty
from fileorg.core.tuples import NamedTuple
from fileorg.rules.extensions import OTHER

if TYPE_CHECKING:
    from fileorg.content.types import FileKind
    from fileorg.rules.classify import Rules


class Promise(StrEnum):
    """What an extension promises."""

    NOTHING = "nothing"  # none, or an unknown one
    ZIP_BASED = "a format that is a zip"
    ZIP = "zip"
    PACKED = "a packed format"
    MEDIA = "sound or pictures in a shared container"
    TEXT = "text"
    EITHER = "text or binary"
    BINARY = "a binary format"


class Found(StrEnum):
    """What the content is, compared with the extension."""

    NOTHING = "nothing"
    SAME = "the same"
    PROSE = "text of no known kind"
    TEXT = "text"
    ZIP = "a zip"
    IN_ZIP = "a format that is a zip"
    PACKED = "a packed file"
    OTHER_MEDIA = "the other of sound and pictures"
    WEAK = "another format, perhaps"
    STRONG = "another format"


class Basis(IntEnum):
    """What decides the category."""

    EXTENSION = 0
    CONTENT = 1
    PLAIN_TEXT = 2  # the content, but at most a document or data


class Row(NamedTuple):
    """A row of the table. `number` is that of the documentation."""

    number: int
    claims: frozenset[Promise]
    finds: frozenset[Found]
    by: Basis
    is_mismatch: bool = False


def _row(number: int, claims: str, finds: str, by: Basis, *, is_mismatch: bool = False) -> Row:
    return Row(
        number,
        frozenset(Promise[each] for each in claims.split()),
        frozenset(Found[each] for each in finds.split()),
        by,
        is_mismatch,
    )


_ANY = "ZIP_BASED ZIP PACKED MEDIA TEXT EITHER BINARY"
TABLE = (
    _row(2, "NOTHING", "SAME STRONG WEAK ZIP IN_ZIP PACKED OTHER_MEDIA", Basis.CONTENT),
    _row(3, "NOTHING", "TEXT", Basis.CONTENT),
    _row(4, "NOTHING", "PROSE", Basis.EXTENSION),
    _row(5, "NOTHING", "NOTHING", Basis.EXTENSION),
    _row(8, _ANY, "SAME NOTHING", Basis.EXTENSION),
    _row(9, "ZIP_BASED", "ZIP", Basis.EXTENSION),
    _row(10, "ZIP", "IN_ZIP", Basis.CONTENT, is_mismatch=True),
    _row(12, "PACKED", "PACKED", Basis.EXTENSION),
    _row(13, "MEDIA", "OTHER_MEDIA", Basis.EXTENSION),
    _row(14, "TEXT EITHER", "TEXT PROSE WEAK", Basis.EXTENSION),
    _row(15, "TEXT", "STRONG ZIP IN_ZIP PACKED OTHER_MEDIA", Basis.CONTENT, is_mismatch=True),
    _row(16, "ZIP_BASED ZIP PACKED MEDIA BINARY", "TEXT", Basis.CONTENT, is_mismatch=True),
    _row(16, "ZIP_BASED ZIP PACKED MEDIA BINARY", "PROSE", Basis.PLAIN_TEXT, is_mismatch=True),
    _row(11, _ANY, "ZIP IN_ZIP", Basis.CONTENT, is_mismatch=True),
    _row(17, _ANY, "STRONG PACKED OTHER_MEDIA", Basis.CONTENT, is_mismatch=True),
    _row(18, _ANY, "WEAK", Basis.EXTENSION),
)  # fmt: skip
"""Rows 1, 6 and 7 need no content, or only what `rules.heads` tests."""


class TypeVerdict(NamedTuple):
    """The category of a file, the row that decided, and the extension that it should have if its own one lies."""

    category: str
    row: int
    by: Basis
    right_extension: bytes = b""

    @property
    def is_mismatch(self) -> bool:
        return bool(self.right_extension)


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


ZIP_BASED = _words("""
    docx docm dotx dotm xlsx xlsm xltx xltm xlsb xlam pptx pptm potx potm ppsx ppsm ppam sldx vsdx vsdm vssx vssm vstx
    vstm thmx odt ott odm oth ods ots odp otp odg otg odf odc odi odb sxw stw sxc stc sxi sti sxd std sxm pages numbers
    key keynote epub kepub kepub.epub ibooks cbz fbz fb3 fb2.zip htmlz txtz jar war ear aar apk apks apkm xapk aab ipa
    appx msix appxbundle msixbundle nupkg vsix whl egg xpi crx conda kmz 3mf idml kra ora sketch fig xd f3d f3z fcstd
    mcpack mcworld pbix twbx xps oxps dwfx usdz xmind mmap hwpx asice asics bdoc edoc pkpass maff wacz eip ggb mscz
    mxl apkg colpkg pk3 npz pt pth kpf zabw kwd clip procreate afdesign alfredworkflow air img.zip zipx exe run 3dxml
    lrx p65 studio3 rdata tm
""")  # fmt: skip
"""Extensions of files that are zips."""

PACKED = _words("""
    gz tgz bz2 tbz tbz2 tb2 bz xz txz zst tzst lz tlz lzma lz4 lzo br z taz sz 7z rar tar cpio cpgz r00 r01 cb7 cbr cbt
    cba svgz crate dmg deb udeb ddeb ipk rpm eopkg gem abw zabw dia gnumeric blend blend1 kmy gnucash xcf als ova vmdk
    emz wmz run exe phar img iso qcow2 vdi snap pkg mpkg xar kdenlive cab ace arj lzh lha sea sit sitx hqx warc arc
    001 rda rdata rds nii osm.pbf pbf braw wim esd isz mobi pcf glyphs swf psd p7m udf
""")  # fmt: skip
"""Extensions of files that are compressed or packed by gzip, tar and the like. `json.gz` is one, too."""
_PACKED_ENDS = tuple(b".gz .bz2 .xz .zst .lz .lzma .lz4 .lzo .br .z .sz".split())
_PACKED_FORMATS = _words("gz bz2 xz zst lz lz4 lzma z 7z rar tar cpio xar a deb")

MEDIA = _words("""
    ogg oga ogv ogm ogx opus spx mka mkv webm weba mks mk3d m4a m4b m4p m4r m4v mp4 mov qt 3gp 3g2 3ga 3gpp 3gpp2 f4a
    f4b f4v aax asf wma wmv rm ra rmvb avi flac aac adts ts mts m2ts mpg mpeg mpe mp2 mp1 mpga dat
""")  # fmt: skip
"""Extensions of sound and moving pictures whose containers hold either."""

EITHER = _words("""
    plist stl ply dxf fbx obj dae igs iges x_t x_b sat lut cube sub idx dat db lst dump log bin pem key cer crt eps ps
    ai epsf pfa fnt bdf pnm pbm pgm ppm pam pfm xbm xpm hdr cin raw pic sgi ras p7m p7s vmdk ovf cue ccd mds nrg toast
    run command sh gcode nc1 step stp ifc wrl vrml usd ma mb mtl scad sch brd gbr kicad_pcb kicad_sch lbrn lbrn2 dst
    doc dot wri wps rtf xls xlt xlw csv slk dif et wks sdf por rda rdata sav cdf mat pkl nessus etl frm idl
    fits fts pdb prc tcr pub one webarchive mht mhtml eml emlx msg mbox chm hlp tm abw zabw kwd docbook dbk fb2 oeb acsm
    mobi pmlz djvu ics ical vcf vcs p12 swf fla xfdf fdf xdp inx idml fcpxml mlt prproj veg graffle xcs jnlp ebuild
    flatpakref flatpakrepo air m3u m3u8 pls xspf asx wax ram rax sfz lrc uu uue hqx pea warc arc srec mol mol2 cif sam
    cram las tcx fit osm pbf gpx kml e01 dsk hdd drp mogrt abc c4d ste p65 pes jef 3dl asl grd ase aco abr atn pat cgm
    icc icm r3d yuv mjpeg mjpg ttml dfxp smi sami srt vtt webvtt ass ssa sbv mng po qbw ofx qfx qif qbo wsdl gsheet gdoc
    gslides h264 h265 hevc 264 265 sup svg xmp aae thm scpt ipynb fs wat wasm class cls sty dtx el cl d v y l m r c h s
    f sas do ado hs bas pas v sv dtd n3 nt
""")  # fmt: skip
"""Extensions whose files are text or binary, or of several formats: only a different signature speaks against them."""

_TEXT_CATEGORIES = frozenset({"Code"})
_TEXT = _words("""
    svg txt text md markdown mdown rst adoc asciidoc org tex latex ltx bib htm html xhtml xht shtml nfo readme textile
    wiki fodt fodg fods fodp ris enw nbib texi texinfo mediawiki csv tsv
    json jsonl ndjson json5 geojson topojson jsonld har xml xsd xsl xslt rss atom opml yaml yml toml ini cfg conf
    properties rdf ttl nq trig owl kml gpx vcard ldif jsonc igc gff gff3 gtf bed fasta fastq fa fq pgn sgf gml xlf
    xliff rng sarif webmanifest drawio excalidraw gltf x3d usda afm ttx sfd srt vtt ass ssa sbv cue lrc m3u m3u8 xspf
""")  # fmt: skip


def claim_of(extension: bytes, category: str) -> Promise:
    """Return what an extension of a category promises."""
    if category == OTHER:
        return Promise.NOTHING
    if extension == b"zip":
        return Promise.ZIP
    if extension in ZIP_BASED:
        return Promise.ZIP_BASED
    if extension in PACKED or extension.endswith(_PACKED_ENDS):
        return Promise.PACKED
    if extension in MEDIA:
        return Promise.MEDIA
    if extension in _TEXT:
        return Promise.TEXT
    if extension in EITHER:
        return Promise.EITHER
    return Promise.TEXT if category in _TEXT_CATEGORIES else Promise.BINARY


def found_of(kind: FileKind, extension: bytes, category: str, found_category: str) -> Found:
    """Return what the content is, for a file of that extension and its category."""
    if kind.certainty is Certainty.NOTHING:
        return Found.NOTHING
    claimed = FORMATS.get(extension)
    is_namesake = kind.format in CATEGORIES and found_category != category
    if (
        kind.format
        and not is_namesake
        and (extension in FORMATS[kind.format].extensions or (claimed and kind.extension in claimed.extensions))
    ):
        return Found.SAME
    if kind.certainty is Certainty.TEXT:
        return Found.PROSE
    if kind.certainty.is_text:
        return Found.TEXT
    if category != OTHER and found_category == category and not kind.format:
        return Found.SAME
    if kind.certainty is Certainty.WEAK:
        return Found.WEAK
    if kind.format == b"zip":
        return Found.ZIP
    if kind.format in ZIP_BASED:
        return Found.IN_ZIP
    if kind.format in _PACKED_FORMATS:
        return Found.PACKED
    return Found.OTHER_MEDIA if {category, found_category} <= {"Audio", "Video"} else Found.STRONG


def decide(extension: bytes, category: str, kind: FileKind, rules: Rules) -> TypeVerdict:
    """Return the category of a file whose name has that extension and category, and whose content is of that kind."""
    found_category = kind.category(rules)
    claim = claim_of(extension, category)
    found = found_of(kind, extension, category, found_category)
    for row in TABLE:
        if claim in row.claims and found in row.finds:
            break
    else:
        raise AssertionError(claim, found)
    right = kind.extension if row.is_mismatch else b""
    if row.by is Basis.EXTENSION:
        return TypeVerdict(category, row.number, row.by)
    if row.by is Basis.PLAIN_TEXT:
        if found_category not in {"Documents", "Data"}:
            found_category = "Documents" if "Documents" in rules.categories else OTHER
        return TypeVerdict(found_category, row.number, row.by, right or b"txt")
    return TypeVerdict(found_category, row.number, row.by, right)
