"""Rule files for measurements: one rule, two hundred as people write them, and two hundred that are all patterns."""

from collections.abc import Iterator

_CLIENTS = [f"{first}{second}{third}" for first in "ABCD" for second in "KLMNO" for third in "XYZ"]
_SUBJECTS = (
    "invoice", "receipt", "contract", "tax-return", "meeting notes", "report", "letter", "thesis", "statement", "offer",
    "holiday", "wedding", "birthday", "scan", "whatsapp image", "screenshot", "bildschirmfoto", "capture d*cran",
    "signal-", "telegram", "zoom", "lecture", "podcast", "audiobook", "ringtone", "trailer", "episode", "lyrics",
    "recipe", "menu", "ticket", "boarding pass", "itinerary", "passport", "visa", "payslip", "cv", "resume", "diploma",
    "warranty", "manual", "datasheet", "firmware", "driver", "wallpaper", "icon", "logo", "mockup", "invoice_draft",
    "export", "backup", "dump", "release", "changelog", "license", "readme", "notes", "todo", "budget", "forecast",
)  # fmt: skip
_EXTENSIONS = (
    "pdf", "docx", "odt", "rtf", "xlsx", "ods", "pptx", "epub", "mobi", "azw3", "cr2", "nef", "heic", "svg", "gif",
    "webp", "tiff", "psd", "ai", "blend", "fig", "mp3", "flac", "wav", "ogg", "mkv", "mov", "webm", "ttf", "otf", "csv",
    "parquet", "sqlite", "iso", "dmg", "deb", "apk", "torrent", "ics", "gpx",
)  # fmt: skip
_CATEGORIES = ("Images", "Video", "Audio", "Archives", "Code", "Data", "Documents", "Ebooks", "Installers", "Fonts")


def none() -> str:
    """Return a file without rules."""
    return "version = 1\n"


def one() -> str:
    """Return one rule: photos by month."""
    return none() + _rule("photos", 'when = { category = "Images" }', 'to = "Photos/{modified.year}/{modified.month}"')


def one_with_many_folders() -> str:
    """Return one rule that makes about as many folders as `two_hundred`: what these cost is not the price of rules."""
    return none() + _rule("all", 'to = "Sorted/{ext}/{modified:%Y}/{category}"')


def two_hundred() -> str:
    """Return 200 rules as people write them, most special ones first: by subject, client, size, age, and type."""
    rules = list(_two_hundred())
    if len(rules) != 200:
        raise AssertionError(len(rules))
    return none() + "".join(_rule(f"rule {number}", *lines) for number, lines in enumerate(rules))


def two_hundred_patterns() -> str:
    """Return 200 rules that all ask for a regular expression."""
    words = [subject.replace(" ", "[ _-]").replace("*", ".*") for subject in _SUBJECTS]
    patterns = [rf"(?i)^{word}[ _-]?\d*" for word in words] + [rf"^(?P<client>{client})-\d+" for client in _CLIENTS]
    patterns += [rf"(?i)\b{word}\b.*(final|draft)" for word in words] + [
        rf"^{year}-\d\d-\d\d" for year in range(2004, 2024)
    ]
    if len(patterns) != 200:
        raise AssertionError(len(patterns))
    return none() + "".join(
        _rule(f"rule {number}", f"when = {{ regex = '{pattern}' }}", f'to = "Sorted/{number}"')
        for number, pattern in enumerate(patterns)
    )


def _two_hundred() -> Iterator[tuple[str, ...]]:
    for folder in ("tax", "legal", "keep", "work in progress", "originals"):
        yield f'when = {{ path = "{folder}/**" }}', "keep = true"
    for client in _CLIENTS[:40]:
        yield (
            f'when = {{ regex = \'^(?P<client>{client})-\\d+\', ext = ["pdf", "docx"] }}',
            'not = { name = "*draft*" }',
            'to = "Clients/{re.client}/{modified.year}"',
        )
    for number, subject in enumerate(_SUBJECTS):
        kind = ('ext = "pdf"', 'ext = ["pdf", "docx", "txt"]', 'category = "Images"', 'category = "Documents"')[
            number % 4
        ]
        yield (
            f'when = {{ name = "*{subject}*", {kind} }}',
            f'to = "Subjects/{subject.replace("*", "")}/{{modified.year}}"',
        )
    for number, category in enumerate(_CATEGORIES):
        yield f'when = {{ category = "{category}", size = ">{100 * (number + 1)}MB" }}', 'to = "Large/{category}"'
        yield f'when = {{ category = "{category}", size = "<1KB" }}', 'to = "Small/{category}"'
        yield f'when = {{ category = "{category}", age = ">{20 + number}y" }}', 'action = "trash"'
    for number in range(15):
        yield f'when = {{ in = "Desktop/Project {number}", depth = "..1" }}', f'to = "Projects/{number}/{{dir}}"'
    for extension in _EXTENSIONS:
        yield f'when = {{ ext = "{extension}" }}', f'to = "Types/{extension}/{{modified.year}}"'
    for category in _CATEGORIES:
        yield f'when = {{ category = "{category}" }}', 'to = "{category}/{modified:%Y-%m}"'


def _rule(name: str, *lines: str) -> str:
    return "\n".join(["[[rule]]", f'name = "{name}"', *lines, ""])
