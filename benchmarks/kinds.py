"""The contents of a generated tree: kinds of files with their shares, sizes, extensions and names."""

from dataclasses import dataclass

KB = 1_000
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file. `permille` is its share of a tree; sizes are in bytes, both ends included."""

    name: str
    permille: int
    smallest: int
    largest: int
    extensions: tuple[str, ...]
    stems: tuple[str, ...]
    is_text: bool = False


_PHOTO_STEMS = (
    "IMG_",
    "DSC_",
    "PXL_",
    "Screenshot from phone ",
    "scan-",
    "holiday_",
    "Füße im Sand ",
    "写真_",
)
_PAPER_STEMS = (
    "invoice-",
    "Report ",
    "meeting notes ",
    "Résumé v",
    "contract_",
    "tax-return-",
    "letter to the bank ",
    "thesis.draft.",
)
_CODE_STEMS = ("parser_", "test_", "util", "handler_", "Model", "view_", "query-", "migration_")
_ARCHIVE_STEMS = ("backup-", "export_", "download (old) ", "release-v", "photos ", "site_dump-")
_ANY_STEMS = ("track ", "clip_", "untitled-", "sample.", "take ", "Новый файл ")

# Extensions that no category contains: fileorg must leave these files where they are.
UNKNOWN = Kind("unknown", 5, KB, 500 * KB, ("qqx", "zzdat", "unk7"), _ANY_STEMS)

# The last seven together are the 10 % of other files.
KINDS = (
    Kind(
        "document",
        300,
        10 * KB,
        500 * KB,
        ("pdf", "docx", "doc", "odt", "rtf", "txt", "md", "xlsx", "xls", "ods", "pptx", "odp", "PDF"),
        _PAPER_STEMS,
    ),
    Kind(
        "image",
        250,
        100 * KB,
        2 * MB,
        ("jpg", "JPG", "jpeg", "png", "heic", "gif", "webp", "avif", "tiff", "bmp", "cr2", "nef", "svg"),
        _PHOTO_STEMS,
    ),
    Kind(
        "code",
        200,
        KB,
        100 * KB,
        (
            "py",
            "js",
            "tsx",
            "cc",  # not c and h: one letter counts only with a head of code, and these files are mostly zeros
            "hpp",
            "cpp",
            "rs",
            "go",
            "java",
            "rb",
            "sh",
            "php",
            "css",
            "sql",
            "swift",
            "kt",
        ),
        _CODE_STEMS,
        is_text=True,
    ),
    Kind(
        "archive",
        150,
        MB,
        10 * MB,
        ("zip", "tar.gz", "7z", "rar", "tar.bz2", "tar.xz", "tgz", "tar.zst", "gz"),
        _ARCHIVE_STEMS,
    ),
    Kind("audio", 30, 500 * KB, 8 * MB, ("mp3", "flac", "wav", "m4a", "ogg", "opus"), _ANY_STEMS),
    Kind("video", 20, 2 * MB, 20 * MB, ("mp4", "mkv", "mov", "avi", "webm"), _ANY_STEMS),
    Kind("data", 20, KB, 5 * MB, ("csv", "json", "parquet", "sqlite", "xml"), _ANY_STEMS),
    Kind("font", 10, 20 * KB, 300 * KB, ("ttf", "otf", "woff2"), _ANY_STEMS),
    Kind("ebook", 10, 100 * KB, 3 * MB, ("epub", "mobi", "azw3"), _PAPER_STEMS),
    Kind("design", 5, 500 * KB, 10 * MB, ("psd", "ai", "blend", "fig"), _ANY_STEMS),
    UNKNOWN,
)

KIND_OF_PERMILLE = tuple(kind for kind in KINDS for _ in range(kind.permille))
if len(KIND_OF_PERMILLE) != 1000:
    raise AssertionError("the shares of the kinds must add up to 1000")

# First bytes by which programs know a format, so that looking inside agrees with the extension.
_ZIP = b"PK\x03\x04\x14\x00"
_GZIP = b"\x1f\x8b\x08\x00"
MAGIC = {
    "pdf": b"%PDF-1.7\n",
    "docx": _ZIP,
    "xlsx": _ZIP,
    "pptx": _ZIP,
    "odt": _ZIP,
    "ods": _ZIP,
    "odp": _ZIP,
    "rtf": b"{\\rtf1\\ansi ",
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "png": b"\x89PNG\r\n\x1a\n",
    "gif": b"GIF89a",
    "bmp": b"BM",
    "tiff": b"II*\x00",
    "heic": b"\x00\x00\x00\x18ftypheic",
    "avif": b"\x00\x00\x00\x1cftypavif",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'>",
    "zip": _ZIP,
    "gz": _GZIP,
    "tgz": _GZIP,
    "tar.gz": _GZIP,
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07\x01\x00",
    "tar.bz2": b"BZh91AY&SY",
    "tar.xz": b"\xfd7zXZ\x00",
    "tar.zst": b"\x28\xb5\x2f\xfd",
    "mp3": b"ID3\x04\x00\x00",
    "flac": b"fLaC",
    "ogg": b"OggS\x00",
    "mp4": b"\x00\x00\x00\x18ftypmp42",
    "mkv": b"\x1aE\xdf\xa3",
    "webm": b"\x1aE\xdf\xa3",
    "epub": _ZIP,
    "psd": b"8BPS\x00\x01",
    "parquet": b"PAR1",
    "sqlite": b"SQLite format 3\x00",
    "xml": b"<?xml version='1.0'?>\n",
}

# None of these is the name of a category, a project, or a place that organizers leave alone.
TOP_FOLDERS = (
    "old laptop",
    "from phone",
    "to sort",
    "stick_16GB",
    "desktop-2019",
    "work",
    "family",
    "misc",
    "Größere Sachen",
    "inbox",
    "received",
)
MIDDLE_FOLDERS = ("Lisbon", "spring", "clients", "school", "house move", "course", "receipts", "drafts")
LEAF_FOLDERS = ("batch", "week", "set", "part-of", "box", "session", "roll")
