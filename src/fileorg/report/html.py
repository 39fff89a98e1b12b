"""The report as one self-contained page: the summary is HTML, the records are packed and shown by a script.

Records are JSON lines in one gzip stream, in base 64, cut into blocks that decode alone. The first line describes all
records; each further line holds up to 4,096 records as columns. A folder or a word is written out at its first use and
is a number from then on; 0 stands for none, and for a new name that equals the old one.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fileorg.core import figures
from fileorg.core.batches import in_batches
from fileorg.core.model import LISTED_STATES, PROBLEM_STATES
from fileorg.core.names import display, is_within
from fileorg.core.tuples import NamedTuple
from fileorg.report.content import SCAN, SEEN, STAYS
from fileorg.report.sentences import status_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TextIO

    from fileorg.report.content import FolderShare, Line, Report

FOLDER = "folder"
"""The word in place of a category for intermediate folders that were created or removed."""

_BATCH = 4096
_MAX_FOLDERS = 50_000
"""The number of folders that the writer remembers; beyond it, the memory is cleared and some are written again."""
_BLOCK_BYTES = 3 << 18
"""The size before base 64: a multiple of 3, so that only the last block is padded."""
_GROUPS_SHOWN = 100

_SCRIPTS = ("figures.js", "virtual_list.js", "records.js", "report.js")
"""One module in the page: the first two are modules of their own in the page of `fileorg serve`."""

# Columns of the table from left to right, for an operation and for a scan.
_COLUMNS = {
    "status": "Status", "from": "From", "to": "To", "category": "Category", "size": "Size",
    "reason": "Action, or reason",
}  # fmt: skip
_COLUMNS_SEEN = {"from": "File", "category": "Category", "size": "Size", "changed": "Changed"}

_Key = TypeVar("_Key", str | None, bytes | None)


def write_html(stream: TextIO, report: Report) -> None:
    """Write the page as a stream: memory does not grow with the records. Consumes `lines` and some of `groups`."""
    summary = report.summary
    shown = ShownPaths(summary.roots, summary.dest)
    write_page(stream, "report.html", shown, _context(report, shown))


def write_page(stream: TextIO, template: str, shown: ShownPaths, context: dict[str, Any]) -> None:
    """Write a page from a template; what the context generates is generated while it is written."""
    environment = Environment(
        loader=PackageLoader("fileorg.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "size": figures.size, "plural": figures.plural, "when": figures.when, "duration": figures.duration,
        "shown": display, "path": shown.path, "status": status_in_words,
    }  # fmt: skip
    environment.globals["percent"] = _percent
    style, script = _joined("look.css", "report.css"), _joined(*_SCRIPTS)
    safe = {
        "style": Markup(style),  # noqa: S704  files of this package
        "script": Markup(script),  # noqa: S704
        "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:;"
        " base-uri 'none'; form-action 'none'",
    }
    stream.writelines(environment.get_template(template).generate(context | safe))


def _context(report: Report, shown: ShownPaths) -> dict[str, Any]:
    """Return the variables of the template. `groups` and `blocks` are generated while they are written."""
    summary = report.summary
    is_scan = summary.kind == SCAN
    number = "" if summary.operation is None else f" {summary.operation}"
    if summary.job is not None:
        number = f", job {summary.job}"
    root = display(summary.roots[0]) if summary.roots else ""
    has_status = not is_scan or any(share.name == STAYS for share in report.statuses)
    seconds = None
    if summary.started_ns is not None and summary.ended_ns is not None:
        seconds = max(summary.ended_ns - summary.started_ns, 0) / 1e9
    table = RecordTable(
        columns=_COLUMNS if has_status else _COLUMNS_SEEN,
        grid="done" if has_status else "seen",
        title="Files" if is_scan else "Records",
        ranks=[*LISTED_STATES, STAYS, SEEN],
        otherwise="fileorg report --format csv",
    )
    return {
        "summary": summary,
        "title": f"Contents of {root}" if is_scan else f"{summary.kind}{number}",
        "seconds": seconds,
        "options": list(_options(summary.options)),
        "problems": [reason for reason in report.reasons if reason.status in PROBLEM_STATES],
        "others": [reason for reason in report.reasons if reason.status not in {*PROBLEM_STATES, STAYS}],
        "stays": [reason for reason in report.reasons if reason.status == STAYS],
        "problem_count": sum(share.records for share in report.statuses if share.name in PROBLEM_STATES),
        "problem_states": PROBLEM_STATES,
        "categories": report.categories,
        "statuses": report.statuses,
        "places": list(_branches(report.places, shown)),
        "duplicates": report.duplicates,
        "groups": islice(report.groups(), _GROUPS_SHOWN) if report.duplicates else (),
        "scan": is_scan,
        **table.variables(summary.records, report.lines(), shown),
    }


class RecordTable(NamedTuple):
    """The table of records of a page. `columns` are those from left to right, and `grid` is the class that gives their
    widths; `ranks` are the statuses in the order in which they are sorted. `otherwise` is the command that lists the
    same without a browser.
    """

    columns: dict[str, str]
    grid: str
    title: str
    ranks: Sequence[str]
    otherwise: str

    def variables(self, records: int, lines: Iterable[Line], shown: ShownPaths) -> dict[str, Any]:
        """Return the variables of `records.html` and `data.html`; the blocks are generated while they are written."""
        packed = _packed(records, lines, shown, self.ranks, times="changed" in self.columns)
        return {
            "records": records,
            "columns": self.columns,
            "grid": self.grid,
            "records_title": self.title,
            "has_reasons": "status" in self.columns,
            "otherwise": self.otherwise,
            "blocks": _blocks(packed),
        }


def _joined(*names: str) -> str:
    templates = files("fileorg.report").joinpath("templates")
    return "".join(templates.joinpath(name).read_text(encoding="utf-8") for name in names)


def _hash(text: str) -> str:
    """Return the name of an inline script or style in a content security policy."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


class ShownPaths:
    """Shows paths relative to the root, if there is only one; `root` is that root, or None."""

    def __init__(self, roots: Sequence[bytes], dest: bytes | None) -> None:
        is_one = len(roots) == 1 and (dest is None or is_within(dest, roots[0]))
        self.root = roots[0] if is_one else None
        self._below = None if self.root is None else self.root.rstrip(b"/") + b"/"

    def path(self, path: bytes) -> str:
        """Return the path as text, empty for the root itself."""
        if self._below is not None:
            if path == self.root:
                return ""
            path = path.removeprefix(self._below)
        return display(path)


def _percent(part: int, whole: int) -> str:
    """Return the width of a bar, such as `37.2%`; at least 1 % of a part that is not zero, so that it is visible."""
    return f"{max(100 * part / whole, 1):.1f}%" if part and whole else "0%"


def _options(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        if value is None or value is False or value in ("", [], {}):
            continue
        words = value if isinstance(value, list | tuple | set | frozenset) else [value]
        yield display(key.replace("_", "-")), "" if value is True else display(", ".join(map(str, words)))


class _Branch(NamedTuple):
    """A folder of the tree; `text` is its path relative to the folder above it in the list."""

    text: str
    level: int
    place: FolderShare


def _branches(places: Iterable[FolderShare], shown: ShownPaths) -> Iterator[_Branch]:
    above: list[bytes] = []
    for place in places:
        while above and not is_within(place.path, above[-1]):
            above.pop()
        text = display(place.path[len(above[-1].rstrip(b"/")) + 1 :]) if above else shown.path(place.path)
        yield _Branch(text or display(place.path), min(len(above), 8), place)
        above.append(place.path)


class _Numbers(dict[_Key, int], Generic[_Key]):
    """A number for each repeated value. `fresh` has the texts of new values, in their order."""

    def __init__(self, shown: Callable[[Any], str]) -> None:
        super().__init__({None: 0})
        self.fresh: list[str] = []
        self._shown, self._next = shown, 1

    def __missing__(self, key: _Key) -> int:
        self[key] = number = self._next
        self._next += 1
        self.fresh.append(self._shown(key))
        return number

    def take_fresh(self) -> list[str]:
        fresh, self.fresh = self.fresh, []
        return fresh

    def forget(self) -> None:
        """Clear the memory. Numbers continue: none is used twice."""
        self.clear()
        self[None] = 0


def _packed(
    records: int, lines: Iterable[Line], shown: ShownPaths, ranks: Sequence[str], *, times: bool
) -> Iterator[bytes]:
    """Yield lines of JSON: the description, then the batches."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    root = "" if shown.root is None else display(shown.root)
    yield encode({"records": records, "root": root, "ranks": ranks}).encode() + b"\n"
    folders: _Numbers[bytes | None] = _Numbers(shown.path)
    words: _Numbers[str | None] = _Numbers(display)
    last_id = 0
    for batch in in_batches(lines, _BATCH):
        if len(folders) > _MAX_FOLDERS:
            folders.forget()
        yield encode(_columns(batch, folders, words, last_id, times=times)).encode() + b"\n"
        last_id = batch[-1].id


def _columns(
    batch: list[Line], folders: _Numbers[bytes | None], words: _Numbers[str | None], last_id: int, *, times: bool
) -> dict[str, list[Any]]:
    """Return a batch as columns: ids as differences; reasons and keepers as pairs with their position in the batch."""
    ids, actions, source_folders, source_names, target_folders, target_names, *more = zip(*batch, strict=True)
    categories, statuses, sizes, changed, reasons, keepers, _ = more
    before = (last_id, *ids)
    packed: dict[str, list[Any]] = {
        "id": [id_ - other for id_, other in zip(ids, before, strict=False)],
        "action": [words[word] for word in actions],
        "status": [words[word] for word in statuses],
        "category": [
            words[word or (FOLDER if source is None else "")]
            for word, source in zip(categories, source_folders, strict=True)
        ],
        "size": list(sizes),
        "from": [folders[folder] for folder in source_folders],
        "name": [display(name) if name else 0 for name in source_names],
        "to": [folders[folder] for folder in target_folders],
        "newName": [
            0 if not target or target == source else display(target)
            for source, target in zip(source_names, target_names, strict=True)
        ],
        "reason": [pair for at, reason in enumerate(reasons) if reason for pair in (at, display(reason))],
        "keeper": [
            pair for at, path in enumerate(keepers) if path is not None for pair in (at, _keeper(path, folders))
        ],
    }
    if times:
        packed["changed"] = [0 if ns is None else ns // 1_000_000_000 for ns in changed]
    return {"folders": folders.take_fresh(), "words": words.take_fresh()} | packed


def _keeper(path: bytes, folders: _Numbers[bytes | None]) -> list[Any]:
    folder, _, name = path.rpartition(b"/")
    return [folders[folder], display(name)]


def _blocks(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines as one gzip stream, in blocks of base 64."""
    packer = zlib.compressobj(level=6, wbits=31)
    waiting = bytearray()
    for line in lines:
        waiting += packer.compress(line)
        while len(waiting) >= _BLOCK_BYTES:
            yield b64encode(waiting[:_BLOCK_BYTES]).decode()
            del waiting[:_BLOCK_BYTES]
    waiting += packer.flush()
    for start in range(0, len(waiting), _BLOCK_BYTES):
        yield b64encode(waiting[start : start + _BLOCK_BYTES]).decode()
