"""The keys of `when`, `not` and `any`: what each asks of a file, what an answer costs, and how its value is read.

A condition is compiled once a run. It looks at no more than it needs: see `Price` and `DependsOn`.
"""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.errors import did_you_mean
from fileorg.core.figures import parsed_size
from fileorg.core.names import display, is_within, scheme_of
from fileorg.rules.condition_values import (
    SIZES,
    Condition,
    ConditionError,
    DependsOn,
    Key,
    NumberColumn,
    Price,
    Setting,
    bounds_by_age,
    bounds_by_day,
    bounds_of,
    flag_of,
    ranges_of,
    shown_value,
    texts_of,
)
from fileorg.rules.facts import name_text
from fileorg.rules.globs import Glob
from fileorg.rules.ignore import has_unfinished_suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fileorg.rules.facts import FileFacts

_DEEPEST = 10_000
_ID_DIGITS = 10
"""The most digits of the id of a user."""
ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "duplicate": (
        "rules do not compare contents",
        "fileorg dedupe --action quarantine moves duplicates to the trash, and a profile can hold its options",
    ),
}
"""Keys that people expect, why no rule has them, and what does the work instead."""


def compiled(key: str, value: object, setting: Setting) -> Condition:
    """Return the condition of a key and its value. Raises `ConditionError`."""
    if key in ELSEWHERE:
        raise ConditionError(f"{key} is no key of a condition: {ELSEWHERE[key][0]}", ELSEWHERE[key][1])
    if key not in KEYS:
        raise ConditionError(
            f"{display(key)} is not a key of a condition{did_you_mean(key, KEYS)}",
            f"the keys are {', '.join(KEYS)}",
        )
    return KEYS[key].read(value, setting)


# Names ------------------------------------------------------------------------------------------------------------


def glob_text(pattern: str) -> str:
    """Return a pattern for names in the form that is compared: lower case, composed."""
    return name_text(pattern.encode("utf-8", "surrogateescape")).lower()


def _name(value: object, _: Setting) -> Condition:
    texts = tuple(map(glob_text, texts_of("name", value)))
    globs = list[Glob]()
    for text in texts:
        if "/" in text:
            raise ConditionError(f"name is {display(text)}, but no name holds a slash", "use the key path, or in")
        try:
            globs.append(Glob(text.replace("!", "\\!", 1) if text.startswith("!") else escaped_glob(text), whole=False))
        except ValueError as error:
            raise ConditionError(f"name is {display(text)}, which cannot be used: {error}") from error

    def test(file: FileFacts) -> bool:
        return any(glob.fits((), file.lower) for glob in globs)

    return Condition("name", shown_value("name", value), Price.NAME, DependsOn.NAME, test, globs=texts)


def escaped_glob(text: str) -> str:
    """Return a pattern whose first and last characters mean themselves: `#` and blanks are special in gitignore."""
    if text.startswith("#"):
        text = f"\\{text}"
    return f"{text[:-1]}[{text[-1]}]" if text[-1:].isspace() else text


def _regex(value: object, setting: Setting) -> Condition:
    texts = texts_of("regex", value)
    for text in texts:
        setting.regexes.check(text)

    def test(file: FileFacts) -> bool:
        return any(setting.regexes.found(text, file.text) is not None for text in texts)

    return Condition("regex", shown_value("regex", value), Price.NAME, DependsOn.NAME, test, patterns=texts)


def _path(value: object, _: Setting) -> Condition:
    globs = list[Glob]()
    for text in texts_of("path", value):
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

    return Condition("path", shown_value("path", value), Price.NAME, DependsOn.NAME, test, of_folder)


def _names_of(folder: bytes) -> list[str]:
    return name_text(folder).split("/") if folder else []


def _resolved(text: str, root: bytes) -> bytes:
    """Return the absolute path of a folder: `~` and relative paths are resolved, symlinks above it too. A URL is one,
    and in a store, relative paths are below its root.
    """
    if "\0" in text:
        raise ConditionError("in contains a NUL, which no path does", "remove it")
    path = os.path.expanduser(os.fsencode(text))
    path = path if scheme_of(path) else os.path.join(root, path)
    if scheme := scheme_of(path):
        start = len(scheme) + len("://")
        return path[:start] + os.path.normpath(path[start:])
    return os.path.realpath(path)


def _in(value: object, setting: Setting) -> Condition:
    starts = list(_starts(texts_of("in", value), setting.root))

    def of_folder(folder: bytes) -> bool:
        return any(not start or is_within(folder, start) for start, _ in starts)

    return Condition(
        "in", shown_value("in", value), Price.NAME, DependsOn.FOLDER, lambda file: of_folder(file.folder), of_folder
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
    folders = [(b"", 0)] if starts is None else list(_starts(texts_of("in", starts), setting.root))

    def of_folder(folder: bytes) -> bool:
        levels = folder.count(b"/") + 1 if folder else 0
        return any(
            (not start or is_within(folder, start)) and low <= levels + above <= high for start, above in folders
        )

    return Condition(
        "depth",
        shown_value("depth", value),
        Price.NAME,
        DependsOn.FOLDER,
        lambda file: of_folder(file.folder),
        of_folder,
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
    texts = texts_of("ext", value)
    endings = list[bytes]()
    for text in texts:
        plain = text.strip().removeprefix("*").removeprefix(".").lower()
        if not plain or set(plain) & set("*?[]/"):
            raise ConditionError(
                f"ext is {display(text)}, but an extension has no wildcards", 'write ext = "pdf", or use the key name'
            )
        endings.append(b"." + os.fsencode(plain))
    ends = tuple(endings)
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
        "ext",
        shown_value("ext", value),
        Price.NAME,
        DependsOn.SUFFIX,
        test,
        of_suffix=of_suffix,
        suffixes=single | tails,
    )


def _category(value: object, setting: Setting) -> Condition:
    known = {category.lower(): category for category in setting.rules.categories}
    wanted = set[str]()
    for text in texts_of("category", value):
        if text.lower() not in known:
            raise ConditionError(
                f"there is no category {display(text)}{did_you_mean(text, known.values())}",
                "fileorg categories list shows all categories",
            )
        wanted.add(known[text.lower()])

    return Condition(
        "category", shown_value("category", value), Price.HEAD, DependsOn.SUFFIX, lambda file: file.category in wanted,
        of_category=wanted.__contains__,
    )  # fmt: skip


def _hidden(value: object, _: Setting) -> Condition:
    wanted = flag_of("hidden", value)
    return Condition(
        "hidden", shown_value("hidden", value), Price.NAME, DependsOn.NAME, lambda file: file.is_hidden == wanted
    )


def _unready(value: object, _: Setting) -> Condition:
    wanted = flag_of("unready", value)
    return Condition(
        "unready",
        shown_value("unready", value),
        Price.NAME,
        DependsOn.NAME,
        lambda file: has_unfinished_suffix(file.name.lower()) == wanted,
    )


# Sizes, times and modes ----------------------------------------------------------------------------------------------


def _size(value: object, _: Setting) -> Condition:
    def parse(text: str) -> int:
        size_bytes = parsed_size(text)
        if size_bytes is None:
            raise ConditionError(f"size is {display(str(value))}, which is no size", SIZES)
        return size_bytes

    bounds = bounds_of("size", value, parse, SIZES)
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
    ranges = ranges_of(bounds)
    number = _NUMBERS[column]

    def test(file: FileFacts) -> bool:
        value = number(file)
        return any(low <= value <= high for low, high in ranges)

    return Condition(key, shown_value(key, value), Price.STAT, DependsOn.FILE, test, column=column, ranges=ranges)


def _age(value: object, setting: Setting) -> Condition:
    return _numbers("age", value, bounds_by_age("age", value, setting), NumberColumn.MTIMES)


def _date(key: str, column: NumberColumn, value: object, setting: Setting) -> Condition:
    return _numbers(key, value, bounds_by_day(key, value, setting), column)


def _empty(value: object, _: Setting) -> Condition:
    wanted = flag_of("empty", value)
    return _numbers("empty", value, [(0, 0) if wanted else (1, None)], NumberColumn.SIZES)


def _read_only(value: object, _: Setting) -> Condition:
    wanted = flag_of("read_only", value)
    return Condition(
        "read_only",
        shown_value("read_only", value),
        Price.STAT,
        DependsOn.FILE,
        lambda file: file.is_read_only == wanted,
    )


def _kind(value: object, _: Setting) -> Condition:
    texts = texts_of("kind", value)
    for text in texts:
        if text in {"link", "folder"}:
            raise ConditionError(
                f"kind is {text}, and rules move files, not whole folders or links",
                'path = "ALBUM/**" with to = "FOLDER/{dir}" takes all files of a folder and keeps the folders in it;'
                " fileorg clean removes empty folders and broken links",
            )
        if text != "file":
            raise ConditionError(f"kind is {display(text)}, which is no kind", 'write kind = "file"')
    return Condition("kind", shown_value("kind", value), Price.STAT, DependsOn.FOLDER, lambda _: True, lambda _: True)


# Attributes ----------------------------------------------------------------------------------------------------------


def _owner(value: object, _: Setting) -> Condition:
    numbers, others = set[int](), False
    for text in texts_of("owner", str(value) if isinstance(value, int) and not isinstance(value, bool) else value):
        if text == "me":
            numbers.add(os.getuid())
        elif text == "others":
            others = True
        elif text.isdecimal() and len(text) <= _ID_DIGITS:
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

    return Condition("owner", shown_value("owner", value), Price.ATTRIBUTES, DependsOn.FILE, test)


def _of_texts(key: str, texts: Callable[[FileFacts], Iterable[str]], value: object, _: Setting) -> Condition:
    globs = list[Glob]()
    for text in texts_of(key, value):
        try:
            globs.append(Glob(escaped_glob(text.lower().replace("/", "\x01")), whole=False))
        except ValueError as error:
            raise ConditionError(f"{key} is {display(text)}, which cannot be used: {error}") from error

    def test(file: FileFacts) -> bool:
        return any(glob.fits((), each.lower().replace("/", "\x01")) for each in texts(file) for glob in globs)

    return Condition(key, shown_value(key, value), Price.ATTRIBUTES, DependsOn.FILE, test)


def origin_texts(addresses: Iterable[str]) -> Iterable[str]:
    """Yield the forms in which a download address is compared: all of it, and its host alone."""
    for address in addresses:
        yield address
        host = address.partition("://")[2] or address
        yield host.partition("/")[0].rpartition("@")[2].partition(":")[0]


def _of_content(key: str, value: object, setting: Setting) -> Condition:
    """Return the condition of a key that asks for what is in files."""
    from fileorg.rules.content_conditions import READERS  # only for rules that look into files

    shown, test = READERS[key](value, setting)
    return Condition(key, shown, KEYS[key].price, DependsOn.FILE, test)


KEYS: Mapping[str, Key] = {
    "name": Key(Price.NAME, "the name, as a pattern with * ? [ ]; case does not matter", '"Screenshot*"', _name),
    "regex": Key(Price.NAME, "the name, as a regular expression; (?P<x>…) makes {re.x}", r"'^\d{4}-'", _regex),
    "path": Key(Price.NAME, "the path below the root, as a pattern of .gitignore", '"tax/**"', _path),
    "in": Key(
        Price.NAME,
        "a folder that holds the file, at any depth; it is below the root unless it begins with / or ~",
        '"~/Downloads"',
        _in,
    ),
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
    "named": Key(
        Price.NAME,
        "the day in the name, as messengers and cameras write it, or the time since then",
        '"2023"',
        partial(_of_content, "named"),
    ),
    "type": Key(
        Price.CONTENT,
        "the kind of content: a pattern of its media type, or the extension of its format; `txt` is any other text",
        '["image/*", "pdf"]',
        partial(_of_content, "type"),
    ),
    "mismatch": Key(
        Price.CONTENT, "whether the extension does not fit the content", "true", partial(_of_content, "mismatch")
    ),
    "text": Key(
        Price.CONTENT,
        "the first 64 KiB of a plain text, as a regular expression; other files do not match",
        "'(?i)invoice no'",
        partial(_of_content, "text"),
    ),
    "contains": Key(
        Price.FURTHER,
        "a path in a zip, as a pattern of .gitignore; case does not matter",
        '"*.app/**"',
        partial(_of_content, "contains"),
    ),
    "taken": Key(
        Price.FURTHER,
        "the day when a picture or film was taken, or the time since then",
        '"2012-05"',
        partial(_of_content, "taken"),
    ),
    "has": Key(
        Price.FURTHER,
        "what a file says: `taken`, `named`, `pixels`, `duration`, or a field of `meta`",
        '"camera"',
        partial(_of_content, "has"),
    ),
    "meta": Key(
        Price.FURTHER,
        "what a picture, film, recording or document says of itself, as a pattern; case does not matter",
        '{ camera = "Nikon*" }',
        partial(_of_content, "meta"),
    ),
    "pixels": Key(
        Price.FURTHER, "the size of a picture or film: width times height", '"<640x480"', partial(_of_content, "pixels")
    ),
    "duration": Key(
        Price.FURTHER, "the length of a film or recording", '"<40s"', partial(_of_content, "duration")
    ),
}  # fmt: skip
"""All keys, in the order of the reference."""
