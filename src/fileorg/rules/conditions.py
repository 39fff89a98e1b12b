"""The keys of `when`, `not` and `any`: what each asks of a file, what an answer costs, and how its value is read.

A condition is compiled once a run. It looks at no more than it needs: see `Price` and `DependsOn`.
"""

from __future__ import annotations

import os
import re
from enum import IntEnum, StrEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.figures import age_parts, before, parsed_size
from fileorg.core.names import display, is_within
from fileorg.core.times import kept
from fileorg.rules.calendar_spans import span
from fileorg.rules.facts import name_text
from fileorg.rules.globs import Glob
from fileorg.rules.ignore import has_unfinished_suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fileorg.rules.classify import Rules
    from fileorg.rules.facts import FileFacts
    from fileorg.rules.regexes import Regexes

_DEEPEST = 10_000
_SIZES = 'write for example ">500MB", "<50KB" or "1MB..2GB"; 1KB is 1024 bytes'
_AGES = 'write for example ">14d", "<1h" or "7d..30d"; the units are s, min, h, d, w, mo and y'
_SPANS = 'write for example "2024", "2023-10..2024-03", "..2019", or an age such as ">14d"'


class Price(IntEnum):
    """What an answer costs: keys are asked in this order, and the later ones only if the earlier ones match."""

    NAME = 0  # the path alone
    STAT = 1  # size, times and mode, which the scan has read
    ATTRIBUTES = 2  # one more look at the file's entry
    HEAD = 3  # the first bytes, of files with an ambiguous extension
    WHOLE = 4  # the content


class DependsOn(IntEnum):
    """What a condition depends on: answers for a folder or a suffix serve for all its files."""

    FOLDER = 0
    SUFFIX = 1  # the last dot of the name and what follows
    NAME = 2
    FILE = 3


class NumberColumn(StrEnum):
    """The numbers of files that a scan has read, by their names in `FileColumns`."""

    SIZES = "sizes"
    MTIMES = "mtimes_ns"
    CTIMES = "ctimes_ns"


class ConditionError(ValueError):
    """A key or value that cannot be used. `hint` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Setting(NamedTuple):
    """What conditions are compiled for: one root, one moment, one set of categories."""

    root: bytes
    now_ns: int
    rules: Rules
    regexes: Regexes


class Condition(NamedTuple):
    """One key with its value. `test` answers for a file; the others answer for many files, and None leaves it open:
    `of_folder` for those of a folder, `of_suffix` for those with a suffix, `of_category` for those of a category.

    `globs` and `patterns` are those of a condition on names, which are tried all at once. `column` and `ranges` say the
    same as `test` of a number that the scan has read.
    """

    key: str
    shown: str
    price: Price
    scope: DependsOn
    test: Callable[[FileFacts], bool]
    of_folder: Callable[[bytes], bool | None] | None = None
    of_suffix: Callable[[bytes], bool | None] | None = None
    of_category: Callable[[str], bool] | None = None
    globs: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    column: NumberColumn | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    suffixes: frozenset[bytes] = frozenset()
    """The suffixes for which `of_suffix` does not say False."""


class Key(NamedTuple):
    """A key that rules may use: its price, its meaning, an example, and the function that reads its value."""

    price: Price
    meaning: str
    example: str
    read: Callable[[object, Setting], Condition]


LATER: Mapping[str, str] = {
    "type": "the kind of content",
    "mismatch": "whether the extension fits the content",
    "contains": "the names inside an archive",
    "has": "what a file says about itself",
    "taken": "when a picture was taken",
    "named": "the date in a name",
    "meta": "what a file says about itself",
    "pixels": "the size of a picture",
    "duration": "the length of a recording",
    "text": "the text of a document",
}
"""Keys that need evidence from inside files, which this version does not read."""


ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "duplicate": (
        "rules do not compare contents",
        "fileorg dedupe --action quarantine moves duplicates to the trash, and a profile can hold its options",
    ),
}
"""Keys that people expect, why no rule has them, and what does the work instead."""


def compiled(key: str, value: object, setting: Setting) -> Condition:
    """Return the condition of a key and its value. Raises `ConditionError`."""
    base = key.partition(".")[0]
    if key in ELSEWHERE:
        raise ConditionError(f"{key} is no key of a condition: {ELSEWHERE[key][0]}", ELSEWHERE[key][1])
    if base in LATER:
        raise ConditionError(
            f"the key {key} asks for {LATER[base]}, and this version of fileorg does not look into files for rules",
            "leave the rule out, or add enabled = false to it",
        )
    if key not in KEYS:
        from difflib import get_close_matches

        close = get_close_matches(key, [*KEYS, *LATER], 1)
        raise ConditionError(
            f"{display(key)} is not a key of a condition" + (f"; did you mean {close[0]}?" if close else ""),
            f"the keys are {', '.join(KEYS)}",
        )
    return KEYS[key].read(value, setting)


# Values -----------------------------------------------------------------------------------------------------------


def _texts(key: str, value: object) -> tuple[str, ...]:
    """Return the texts of a value: one, or a list of them."""
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        raise ConditionError(f"the list of {key} is empty: no file matches it", f"leave {key} out, or add a value")
    for each in values:
        if not isinstance(each, str):
            raise ConditionError(f"{key} is {each!r}, which is no text", f'write {key} = "…", or a list of texts')
        if not each.strip():
            hint = 'for files without an extension, write not = { name = "*.*" }' if key == "ext" else ""
            raise ConditionError(
                f"{key} has an empty text, which no file matches", hint or f"leave {key} out, or add a value"
            )
    return tuple(values)


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConditionError(f"{key} is {value!r}, which is neither true nor false", f"write {key} = true")
    return value


def _shown(key: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}"
    if isinstance(value, list | tuple):
        few = [f'"{display(str(each))}"' for each in value[:3]]
        return f"{key} = [{', '.join(few)}{', …' if len(value) > 3 else ''}]"
    return f'{key} = "{display(str(value))}"' if isinstance(value, str) else f"{key} = {value}"


# Names ------------------------------------------------------------------------------------------------------------


def glob_text(pattern: str) -> str:
    """Return a pattern for names in the form that is compared: lower case, composed."""
    return name_text(pattern.encode("utf-8", "surrogateescape")).lower()


def _name(value: object, _: Setting) -> Condition:
    texts = tuple(map(glob_text, _texts("name", value)))
    globs = list[Glob]()
    for text in texts:
        if "/" in text:
            raise ConditionError(f"name is {display(text)}, but no name holds a slash", "use the key path, or in")
        try:
            globs.append(Glob(text.replace("!", "\\!", 1) if text.startswith("!") else _escaped(text), whole=False))
        except ValueError as error:
            raise ConditionError(f"name is {display(text)}, which cannot be used: {error}") from error

    def test(file: FileFacts) -> bool:
        return any(glob.fits((), file.lower) for glob in globs)

    return Condition("name", _shown("name", value), Price.NAME, DependsOn.NAME, test, globs=texts)


def _escaped(text: str) -> str:
    """Return a pattern whose first and last characters mean themselves: `#` and blanks are special in gitignore."""
    if text.startswith("#"):
        text = f"\\{text}"
    return f"{text[:-1]}[{text[-1]}]" if text[-1:].isspace() else text


def _regex(value: object, setting: Setting) -> Condition:
    texts = _texts("regex", value)
    for text in texts:
        setting.regexes.check(text)

    def test(file: FileFacts) -> bool:
        return any(setting.regexes.found(text, file.text) is not None for text in texts)

    return Condition("regex", _shown("regex", value), Price.NAME, DependsOn.NAME, test, patterns=texts)


def _path(value: object, _: Setting) -> Condition:
    globs = list[Glob]()
    for text in _texts("path", value):
        if text.startswith(("!", "~")):
            raise ConditionError(
                f"path is {display(text)}, but a path is below the root", "use the key in, or the table not"
            )
        try:
            globs.append(Glob(text, whole=True))
        except ValueError as error:
            raise ConditionError(f"path is {display(text)}, which cannot be used: {error}") from error

    def test(file: FileFacts) -> bool:
        above = _names_of(file.folder)
        return any(glob.fits(above, file.text) for glob in globs)

    def of_folder(folder: bytes) -> bool | None:
        above = _names_of(folder)
        answers = [glob.fits_all(above) for glob in globs]
        return True if True in answers else None if None in answers else False

    return Condition("path", _shown("path", value), Price.NAME, DependsOn.NAME, test, of_folder)


def _names_of(folder: bytes) -> list[str]:
    return name_text(folder).split("/") if folder else []


def _resolved(text: str, root: bytes) -> bytes:
    """Return the absolute path of a folder: `~` and relative paths are resolved, symlinks above it too."""
    path = os.path.join(root, os.path.expanduser(os.fsencode(text)))
    return os.path.realpath(path)


def _in(value: object, setting: Setting) -> Condition:
    starts = list(_starts(_texts("in", value), setting.root))

    def of_folder(folder: bytes) -> bool:
        return any(not start or is_within(folder, start) for start, _ in starts)

    return Condition(
        "in", _shown("in", value), Price.NAME, DependsOn.FOLDER, lambda file: of_folder(file.folder), of_folder
    )


def depth_condition(value: object, starts: object, setting: Setting) -> Condition:
    """Return the condition on the depth below the folders `starts` of the key `in`; None stands for the root.

    Raises `ConditionError`.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = (
        re.fullmatch(r"(?a)\s*(?:(\d{1,4})|(\d{0,4})\s*\.\.\s*(\d{0,4}))\s*", text) if isinstance(text, str) else None
    )
    if match is None or (match[1] is None and not (match[2] or match[3])):
        raise ConditionError(
            f"depth is {display(str(value))}, which is no depth", 'write 0 for the folder itself, or "..1", "1.."'
        )
    first, last = (match[1], match[1]) if match[1] is not None else (match[2], match[3])
    low, high = int(first or 0), int(last) if last else _DEEPEST
    if low > high:
        raise ConditionError(f"depth is {display(str(value))}, but {low} is more than {high}", "swap the two numbers")
    folders = [(b"", 0)] if starts is None else list(_starts(_texts("in", starts), setting.root))

    def of_folder(folder: bytes) -> bool:
        levels = folder.count(b"/") + 1 if folder else 0
        return any(
            (not start or is_within(folder, start)) and low <= levels + above <= high for start, above in folders
        )

    return Condition(
        "depth", _shown("depth", value), Price.NAME, DependsOn.FOLDER, lambda file: of_folder(file.folder), of_folder
    )


def _starts(texts: Iterable[str], root: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the folders that can hold files of the root, relative to it, and what to add to the number of folders
    between the root and a file for the number below the folder that was named.
    """
    for text in texts:
        folder = _resolved(text, root)
        if is_within(root, folder):
            inside = root[len(folder.rstrip(b"/")) :].strip(b"/")
            yield b"", inside.count(b"/") + 1 if inside else 0
        elif is_within(folder, root):
            inside = folder[len(root.rstrip(b"/")) :].strip(b"/")
            yield inside, -inside.count(b"/") - 1


def _ext(value: object, _: Setting) -> Condition:
    texts = _texts("ext", value)
    suffixes = list[bytes]()
    for text in texts:
        plain = text.strip().removeprefix("*").removeprefix(".").lower()
        if not plain or set(plain) & set("*?[]/"):
            raise ConditionError(
                f"ext is {display(text)}, but an extension has no wildcards", 'write ext = "pdf", or use the key name'
            )
        suffixes.append(b"." + os.fsencode(plain))
    ends = tuple(suffixes)
    single = frozenset(end for end in ends if end.count(b".") == 1)
    longer = tuple(end for end in ends if end.count(b".") > 1)
    tails = frozenset(end[end.rfind(b".") :] for end in longer)

    def test(file: FileFacts) -> bool:
        name = file.name.lower()
        return name.endswith(ends) and not any(name == end for end in ends)

    def of_suffix(suffix: bytes) -> bool | None:
        lower = suffix.lower()
        if lower in single:
            return True
        return None if lower in tails else False

    return Condition(
        "ext", _shown("ext", value), Price.NAME, DependsOn.SUFFIX, test, of_suffix=of_suffix, suffixes=single | tails
    )


def _category(value: object, setting: Setting) -> Condition:
    known = {category.lower(): category for category in setting.rules.categories}
    wanted = set[str]()
    for text in _texts("category", value):
        if text.lower() not in known:
            from difflib import get_close_matches

            close = get_close_matches(text.lower(), known, 1)
            raise ConditionError(
                f"there is no category {display(text)}" + (f"; did you mean {known[close[0]]}?" if close else ""),
                "fileorg categories list shows all categories",
            )
        wanted.add(known[text.lower()])

    return Condition(
        "category", _shown("category", value), Price.HEAD, DependsOn.SUFFIX, lambda file: file.category in wanted,
        of_category=wanted.__contains__,
    )  # fmt: skip


def _hidden(value: object, _: Setting) -> Condition:
    wanted = _flag("hidden", value)
    return Condition(
        "hidden", _shown("hidden", value), Price.NAME, DependsOn.NAME, lambda file: file.is_hidden == wanted
    )


def _unready(value: object, _: Setting) -> Condition:
    wanted = _flag("unready", value)
    return Condition(
        "unready",
        _shown("unready", value),
        Price.NAME,
        DependsOn.NAME,
        lambda file: has_unfinished_suffix(file.name.lower()) == wanted,
    )


# Sizes, times and modes ----------------------------------------------------------------------------------------------


def _bounds(key: str, value: object, parse: Callable[[str], int], hint: str) -> list[tuple[int | None, int | None]]:
    """Return the bounds (low, high) of comparisons such as `>5` and ranges such as `5..9`; both are inclusive."""
    texts = _texts(key, str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    bounds = list[tuple[int | None, int | None]]()
    for text in texts:
        low: int | None
        high: int | None
        if match := re.fullmatch(r"\s*(<=|>=|<|>|=)\s*(.+?)\s*", text):
            number = parse(match[2])
            low = {">": number + 1, ">=": number, "=": number}.get(match[1])
            high = {"<": number - 1, "<=": number, "=": number}.get(match[1])
        elif ".." in text:
            first, _, last = text.partition("..")
            low = parse(first) if first.strip() else None
            high = parse(last) if last.strip() else None
            if low is None and high is None:
                raise ConditionError(f"{key} is {display(text)}, which has no limit", hint)
        else:
            raise ConditionError(f"{key} is {display(text)}, which says neither more nor less", hint)
        if low is not None and high is not None and low > high:
            raise ConditionError(f"{key} is {display(text)}, which no file can match", "swap the two limits")
        bounds.append((low, high))
    return bounds


def _size(value: object, _: Setting) -> Condition:
    def parse(text: str) -> int:
        size_bytes = parsed_size(text)
        if size_bytes is None:
            raise ConditionError(f"size is {display(str(value))}, which is no size", _SIZES)
        return size_bytes

    bounds = _bounds("size", value, parse, _SIZES)
    return _numbers("size", value, bounds, NumberColumn.SIZES)


_NUMBERS: Mapping[NumberColumn, Callable[[FileFacts], int]] = {
    NumberColumn.SIZES: lambda file: file.size,
    NumberColumn.MTIMES: lambda file: file.mtime_ns,
    NumberColumn.CTIMES: lambda file: file.ctime_ns,
}


def _numbers(
    key: str,
    value: object,
    bounds: Sequence[tuple[int | None, int | None]],
    column: NumberColumn,
) -> Condition:
    # One test per range, with limits that every number passes where there is none.
    ranges = tuple(
        (low if low is not None else -(1 << 64), high if high is not None else 1 << 64) for low, high in bounds
    )
    number = _NUMBERS[column]

    def test(file: FileFacts) -> bool:
        value = number(file)
        return any(low <= value <= high for low, high in ranges)

    return Condition(key, _shown(key, value), Price.STAT, DependsOn.FILE, test, column=column, ranges=ranges)


def _moment_before(key: str, text: str, now_ns: int) -> int:
    """Return the time an age before now."""
    parts = age_parts(text)
    try:
        ns = None if parts is None else before(now_ns, parts)
    except (ValueError, OverflowError, OSError):
        raise ConditionError(f"{key} is {display(text)}, which is longer ago than any file can be", _AGES) from None
    if ns is None:
        raise ConditionError(f"{key} has {display(text)}, which is no age", _AGES)
    return ns


def _by_age(key: str, value: object, setting: Setting) -> list[tuple[int | None, int | None]]:
    """Return the bounds of the time for comparisons of the age: an older file has the smaller time."""
    ages = _bounds(key, value, lambda text: setting.now_ns - _moment_before(key, text, setting.now_ns), _AGES)
    return [
        (None if high is None else kept(setting.now_ns - high), None if low is None else kept(setting.now_ns - low))
        for low, high in ages
    ]


def _age(value: object, setting: Setting) -> Condition:
    return _numbers("age", value, _by_age("age", value, setting), NumberColumn.MTIMES)


def _date(key: str, column: NumberColumn, value: object, setting: Setting) -> Condition:
    bounds = list[tuple[int | None, int | None]]()
    for text in _texts(key, str(value) if not isinstance(value, str | list | tuple | bool) else value):
        if re.match(r"\s*[<>]", text):
            bounds += _by_age(key, text, setting)
            continue
        try:
            low, high = span(text)
        except ValueError as error:
            raise ConditionError(f"{key} is {display(text)}: {error}", _SPANS) from None
        bounds.append((None if low is None else kept(low), None if high is None else kept(high)))
    return _numbers(key, value, bounds, column)


def _empty(value: object, _: Setting) -> Condition:
    wanted = _flag("empty", value)
    return _numbers("empty", value, [(0, 0) if wanted else (1, None)], NumberColumn.SIZES)


def _read_only(value: object, _: Setting) -> Condition:
    wanted = _flag("read_only", value)
    return Condition(
        "read_only", _shown("read_only", value), Price.STAT, DependsOn.FILE, lambda file: file.is_read_only == wanted
    )


def _kind(value: object, _: Setting) -> Condition:
    texts = _texts("kind", value)
    for text in texts:
        if text in {"link", "folder"}:
            raise ConditionError(
                f"kind is {text}, and rules move files, not whole folders or links",
                'path = "ALBUM/**" with to = "FOLDER/{dir}" takes all files of a folder and keeps the folders in it;'
                " fileorg clean removes empty folders and broken links",
            )
        if text != "file":
            raise ConditionError(f"kind is {display(text)}, which is no kind", 'write kind = "file"')
    return Condition("kind", _shown("kind", value), Price.STAT, DependsOn.FOLDER, lambda _: True, lambda _: True)


# Attributes ----------------------------------------------------------------------------------------------------------


def _owner(value: object, _: Setting) -> Condition:
    numbers, others = set[int](), False
    for text in _texts("owner", str(value) if isinstance(value, int) and not isinstance(value, bool) else value):
        if text == "me":
            numbers.add(os.getuid())
        elif text == "others":
            others = True
        elif text.isdecimal():
            numbers.add(int(text))
        else:
            import pwd

            try:
                numbers.add(pwd.getpwnam(text).pw_uid)
            except (KeyError, ValueError):
                raise ConditionError(
                    f"owner is {display(text)}, and this system has no such user", 'write "me", "others", or a user'
                ) from None

    def test(file: FileFacts) -> bool:
        owner = file.owner
        return owner is not None and (owner in numbers or (others and owner != os.getuid()))

    return Condition("owner", _shown("owner", value), Price.ATTRIBUTES, DependsOn.FILE, test)


def _of_texts(key: str, texts: Callable[[FileFacts], Iterable[str]], value: object, _: Setting) -> Condition:
    globs = list[Glob]()
    for text in _texts(key, value):
        try:
            globs.append(Glob(_escaped(text.lower().replace("/", "\x01")), whole=False))
        except ValueError as error:
            raise ConditionError(f"{key} is {display(text)}, which cannot be used: {error}") from error

    def test(file: FileFacts) -> bool:
        return any(glob.fits((), each.lower().replace("/", "\x01")) for each in texts(file) for glob in globs)

    return Condition(key, _shown(key, value), Price.ATTRIBUTES, DependsOn.FILE, test)


def origin_texts(addresses: Iterable[str]) -> Iterable[str]:
    """Yield the forms in which a download address is compared: all of it, and its host alone."""
    for address in addresses:
        yield address
        host = address.partition("://")[2] or address
        yield host.partition("/")[0].rpartition("@")[2].partition(":")[0]


KEYS: Mapping[str, Key] = {
    "name": Key(Price.NAME, "the name, as a pattern with * ? [ ]; case does not matter", '"Screenshot*"', _name),
    "regex": Key(Price.NAME, "the name, as a regular expression; (?P<x>…) makes {re.x}", r"'^\d{4}-'", _regex),
    "path": Key(Price.NAME, "the path below the root, as a pattern of .gitignore", '"tax/**"', _path),
    "in": Key(Price.NAME, "a folder that holds the file, at any depth", '"~/Downloads"', _in),
    "depth": Key(
        Price.NAME,
        "how many folders deep the file is below `in` or the root; 0 is the folder itself",
        '"..1"',
        lambda value, setting: depth_condition(value, None, setting),
    ),
    "ext": Key(Price.NAME, "the extension; case does not matter", '["pdf", "docx"]', _ext),
    "category": Key(Price.HEAD, "the category, built in or your own", '"Images"', _category),
    "hidden": Key(Price.NAME, "whether its name or that of a folder above it begins with a dot", "true", _hidden),
    "unready": Key(Price.NAME, "whether the name is that of an unfinished download", "true", _unready),
    "size": Key(Price.STAT, "the size", '">500MB"', _size),
    "age": Key(Price.STAT, "the time since the last change", '">14d"', _age),
    "modified": Key(
        Price.STAT,
        "the day of the last change, or the time since then",
        '"2023-10..2024-03"',
        partial(_date, "modified", NumberColumn.MTIMES),
    ),
    "added": Key(
        Price.STAT,
        "when the file came into its folder or was changed there last, as far as the file system keeps it (ctime)",
        '">7d"',
        partial(_date, "added", NumberColumn.CTIMES),
    ),
    "empty": Key(Price.STAT, "whether the file has no bytes", "true", _empty),
    "read_only": Key(Price.STAT, "whether its owner may not write it", "true", _read_only),
    "kind": Key(Price.STAT, "what it is: only `file` in this version", '"file"', _kind),
    "owner": Key(Price.ATTRIBUTES, "the user that owns the file: `me`, `others`, a name or a number", '"me"', _owner),
    "from": Key(
        Price.ATTRIBUTES,
        "the address that a browser noted for a download, or its host, as a pattern",
        '"*.mybank.example"',
        partial(_of_texts, "from", lambda file: origin_texts(file.origins)),
    ),
    "tag": Key(
        Price.ATTRIBUTES,
        "a tag of a file manager, as a pattern",
        '"tax"',
        partial(_of_texts, "tag", lambda file: file.tags),
    ),
}  # fmt: skip
"""All keys, in the order of the reference."""
