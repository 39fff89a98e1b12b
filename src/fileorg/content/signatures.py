"""The format of a head by its signature, as pure-magic tells it. The library is loaded on first use: it takes 10 ms."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from fileorg.content.file_formats import FORMATS
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from pure_magic_rs import MagicDb

HARDCODED = "hardcoded"
"""The source of answers that rest on no signature: text, JSON, tar, or nothing."""


class Signature(NamedTuple):
    """What pure-magic tells. `format` is a key of `FORMATS`, empty if it is none of them; `category` is then a guess by
    the family of the signature, empty for none.
    """

    format: bytes
    mime: str
    is_text: bool
    is_weak: bool
    category: str = ""


NOTHING = Signature(b"", "", is_text=False, is_weak=False)

# MIME types that pure-magic tells otherwise than `FORMATS`.
_MIMES = {
    "application/x-canon-cr2": "cr2", "image/x-canon-cr2": "cr2", "image/heif": "heic", "image/jpm": "jp2",
    "image/jpx": "jp2", "image/fits": "fits", "image/x-pict": "pct", "image/x-bitmap": "xbm", "image/vnd.fpx": "",
    "video/MP2T": "ts", "video/MP1S": "mpg", "video/MP2P": "mpg", "video/mpeg4-generic": "mpg", "video/h264": "",
    "video/x-flc": "flc", "video/x-fli": "fli", "video/x-jng": "mng",
    "audio/x-hx-aac-adts": "aac", "audio/x-hx-aac-adif": "aac", "audio/x-m4a": "m4a", "audio/AMR": "amr",
    "audio/AMR-WB": "amr", "audio/x-unknown": "voc", "audio/x-mp4a-latm": "aac", "audio/x-dec-basic": "au",
    "application/x-navi-animation": "ani", "image/x-award-bioslogo": "",
    "application/x-ole-storage": "", "application/CDFV2": "", "application/hwp+zip": "hwp", "application/x-hwp": "hwp",
    "application/vnd.stardivision.cal": "sdc", "application/x-ms-msg": "msg", "application/x-msaccess": "mdb",
    "application/x-webarchive": "webarchive", "application/x-java-jnlp-file": "xml", "application/x-dfont": "dfont",
    "application/x-font-pfm": "pfm-font", "application/vnd.ms-opentype": "otf", "font/sfnt": "ttf",
    "application/x-executable": "elf", "application/x-object": "elf", "application/x-sharedlib": "elf",
    "application/x-pie-executable": "elf", "application/x-coredump": "elf", "application/x-ms-ne-executable": "exe",
    "application/x-dosexec": "exe", "application/vnd.android.package-archive": "apk",
    "application/x-ios-app": "ipa", "application/java-archive": "jar", "application/pgp-encrypted": "asc",
    "application/pgp-signature": "asc", "application/pgp-keys": "asc", "application/x-pem-file": "pem",
    "application/vnd.iccprofile": "", "application/msonenote": "one", "application/onenote": "one",
    "text/x-script.python": "py", "text/x-shellscript": "sh", "text/x-msdos-batch": "bat", "text/x-nawk": "sh",
    "text/x-awk": "sh", "text/x-gawk": "sh", "text/xml": "xml", "text/x-po": "po", "text/x-info": "",
    "text/x-bcpl": "", "text/troff": "", "text/x-texinfo": "tex", "text/x-m4": "", "text/PGP": "asc",
    "text/x-c++": "cpp", "text/x-vcard": "vcf", "application/x-setupscript": "ini", "application/x-wine-extension-ini":
    "ini", "application/x-gnumeric": "xml", "application/x-shockwave-flash": "swf", "application/x-zstd": "zst",
    "application/x-gzip": "gz", "application/x-lzma": "lzma", "application/x-dbm": "bdb", "application/x-gdbm": "bdb",
    "application/vnd.tcpdump.pcap": "pcap", "application/x-rpm": "rpm", "application/x-debian-package": "deb",
    "application/x-archive": "a", "application/x-lharc": "lzh", "application/x-stuffit": "sit", "application/zlib": "",
    "application/x-quicktime-player": "mov", "application/ogg": "ogg", "application/x-matroska": "mkv",
    "application/x-mswrite": "wri", "application/vnd.ms-tnef": "", "message/news": "eml",
}  # fmt: skip

# Formats without a MIME type of their own, by the source of the signature and the beginning of the message.
_MESSAGES = (
    ("animation", "ISO Media, HEI", "heic"), ("animation", "ISO Media, Canon", "cr3"),
    ("animation", "ISO Media, AVIF", "avif"), ("animation", "ISO Media", "mp4"),
    ("animation", "Windows Television", "wtv"), ("animation", "Bink", "bik"), ("animation", "MNG", "mng"),
    ("animation", "YUV4MPEG2", "y4m"), ("animation", "IVF", "ivf"),
    ("apache", "Apache Avro", "avro"), ("apple", "Apple DMG", "dmg"), ("apple", "Mac OS X bill", "bplist"),
    ("archive", "BBeB", "lrf"), ("archive", "xar", "xar"), ("archive", "Zoo", "zoo"), ("archive", "ARC", "arc"),
    ("archive", "StuffIt", "sit"), ("audio", "ScreamTracker", "s3m"), ("audio", "True Audio", "tta"),
    ("audio", "WavPack", "wv"), ("audio", "CoreAudio", "caf"), ("audio", "DTS", "dts"), ("audio", "DSD", "dsf"),
    ("cad", "Kaydara", "fbx"), ("cad", "3DS", "3ds"), ("database", "Berkeley", "bdb"), ("esri", "ESRI", "shp"),
    ("elf", "ELF", "elf"), ("filesystems", "Squashfs", "snap"), ("filesystems", "", "img"),
    ("fonts", "TrueType", "ttf"), ("fonts", "OpenType", "otf"), ("fonts", "X11 Portable", "pcf"),
    ("images", "Cineon", "cin"), ("images", "Kodak Photo", "pcd"), ("images", "Lytro", "lfp"),
    ("images", "Microsoft DirectDraw", "dds"), ("images", "Minolta", "mrw"), ("images", "Paint Shop", "psp"),
    ("images", "Sun raster", "ras"), ("flif", "FLIF", "flif"), ("images", "QOI", "qoi"),
    ("images", "OpenEXR", "exr"), ("images", "Blender", "blend"), ("blender", "Blender", "blend"),
    ("msdos", "Microsoft Cabinet", "cab"), ("msdos", "Windows Enhanced Metafile", "emf"), ("map", "FIT", "fit"),
    ("macintosh", "SAS", "sas7bdat"), ("macintosh", "SPSS", "sav"), ("statistics", "SAS", "sas7bdat"),
    ("statistics", "SPSS", "sav"), ("statistics", "Stata", "dta"), ("numpy", "NumPy", "npy"),
    ("palm", "AportisDoc", "prc"), ("riff", "RIFF (little-endian) data", ""), ("sql", "MySQL MyISAM", "myi"),
    ("sql", "MySQL table", "frm"), ("virtual", "Microsoft Disk Image Ext", "vhdx"),
    ("virtual", "Microsoft Disk", "vhd"),
    ("virtual", "VMware", "vmdk"), ("virtual", "VirtualBox", "vdi"), ("virtual", "QEMU", "qcow2"),
    ("webassembly", "WebAssembly", "wasm"), ("windows", "Microsoft OneNote", "one"), ("wim", "Windows imaging", "wim"),
    ("wordprocessors", "Adobe InDesign", "indd"), ("wordprocessors", "Hancom", "hwp"), ("cbor", "", "cbor"),
    ("database", "Microsoft Outlook", "pst"), ("windows", "Microsoft Outlook", "pst"), ("pwsh", "", "ps1"),
    ("perl", "Perl", "pl"), ("android", "disassembled Android", "smali"), ("nix", "Nix", "nix"),
    ("tex", "BibTeX", "bib"),
    ("fonts", "PostScript Type 1", "pfa"), ("news", "ASCII font metrics", "afm"), ("cad", "PLY", "ply"),
    ("sgml", "exported SGML", ""), ("mail.news", "MIME entity", "eml"), ("mail.news", "", "eml"),
    ("uuencode", "uuencoded", "uue"), ("diff", "", "diff"), ("varied.script", "", "sh"),
)  # fmt: skip

_WEAK_MIMES = {
    "image/x-tga", "image/vnd.zbrush.pcx", "application/x-dbf", "application/x-compress", "application/x-matlab-data",
    "text/troff", "application/cbor", "image/x-sgi",
}  # fmt: skip
_WEAK_SOURCES = {"console", "ispell", "c64", "games", "misctools", "mathematica", "os9", "vax", "coff", "ibm370", "pdp"}
_NOT_TEXT = frozenset({"application/octet-stream", "application/x-tar"})
_WEAK_STRENGTH = 40
_AUDIO_FRAMES = re.compile(rb"\xff[\xe2-\xff]")

# The category of a signature that is not in `FORMATS`, by the family that it belongs to.
_FAMILIES = {
    "images": "Images", "jpeg": "Images", "audio": "Audio", "animation": "Video", "fonts": "Fonts",
    "archive": "Archives", "compress": "Archives", "filesystems": "Disk images", "virtual": "Disk images",
    "database": "Data", "sql": "Data", "statistics": "Data", "map": "Data", "cad": "Design", "netcdf": "Data",
    "esri": "Data", "wordprocessors": "Documents",
}  # fmt: skip


@cache
def _by_mime() -> dict[str, bytes]:
    known = {each.mime: key for key, each in reversed(tuple(FORMATS.items()))}
    return known | {mime: name.encode() for mime, name in _MIMES.items()}


@cache
def _database() -> MagicDb:
    from pure_magic_rs import MagicDb

    return MagicDb()


def signature_of(head: bytes) -> Signature:
    """Return what the signature of a head tells; `NOTHING` if there is none, or if the library fails."""
    try:
        magic = _database().best_magic_buffer(head)
        mime, source, message, strength = (
            magic.mime_type.strip(),
            magic.source or HARDCODED,
            magic.message,
            magic.strength,
        )
    except (ValueError, OSError):
        return NOTHING
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust; it is no Exception
            raise
        return NOTHING
    is_text = mime.startswith("text/") or (source == HARDCODED and mime not in _NOT_TEXT)
    if source == HARDCODED:
        return Signature(_by_mime().get(mime, b"") if mime != "text/plain" else b"", mime, is_text, is_weak=False)
    name = _by_mime().get(mime)
    if name is None:
        found = (form for family, start, form in _MESSAGES if family == source and message.startswith(start))
        name = next(found, "").encode()
    is_weak = (
        mime in _WEAK_MIMES
        or (source in _WEAK_SOURCES and not is_text)
        or (name == b"mp3" and _AUDIO_FRAMES.match(head) is not None)
        or (name == b"" and strength < _WEAK_STRENGTH)
    )
    return Signature(name, mime, is_text, is_weak, "" if name else _FAMILIES.get(source, ""))
