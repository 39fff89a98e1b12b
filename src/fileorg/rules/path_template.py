"""Targets of files as text with fields in braces: `Clients/{re.client}/{modified:%Y-%m}_{name}`. Pure.

`parse_target` reads the whole language; `template` has the few fields that need only the category, the extension and
the day, and is what a run without rules loads.
"""

from __future__ import annotations

import os
import re
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.errors import did_you_mean
from fileorg.core.names import display, join
from fileorg.core.tuples import NamedTuple
from fileorg.rules.facts import META, decoded
from fileorg.rules.field_formats import (
    Calendar,
    composed,
    date_format,
    date_parts,
    portable,
    portable_characters,
    safe_part,
    size_class,
    slug,
    text_format,
)
from fileorg.rules.template import MAX_LITERAL_BYTES, NO_EXTENSION, fault

if TYPE_CHECKING:
    import time
    from collections.abc import Callable, Mapping, Sequence

    from fileorg.rules.facts import FileFacts

DATE_FIELDS = {
    "modified": "the day of the last change, `2024-05-31`",
    "taken": "the day when a picture or film was taken",
    "named": "the day in the name, as messengers and cameras write it",
}
DATE_PARTS = {
    "year": "%Y", "month": "%m", "day": "%d", "quarter": "%q", "week": "%V", "hour": "%H", "minute": "%M",
    "month_name": "%B", "weekday": "%A",
}  # fmt: skip
"""What may follow a date field after a dot: `{modified.year}`."""
TEXT_FIELDS = {
    "name": "the whole name",
    "stem": "the name without its extension",
    "ext": "the extension: in lower case for a folder, as written in a file name",
    "extension": "the extension in lower case, or `No extension`",
    "category": "the category",
    "size_class": "`Empty`, `Tiny`, `Small`, `Medium`, `Large` or `Huge`",
    "parent": "the name of the folder that the file is in",
}
PATH_FIELDS = {
    "dir": "the folders between the root and the file",
    "folder_in_name": "the folder of a folder whose name stands in the file's name: `{folder_in_name:Projects}`",
}
CONTENT_FIELDS = {
    "type": "the extension that fits the content: that of the name, unless it lies or there is none",
    "pixels": "the size of a picture or film, `4000x3000`",
}
"""Fields for which files are read, beside `taken`, `named` and `meta`."""
_DATE_ALIASES = {"year": "modified.year", "month": "modified.month", "day": "modified.day"}
SHARED_FIELDS = frozenset({"modified", *_DATE_ALIASES}) | {
    "category",
    "ext",
    "extension",
    "size_class",
    "dir",
    "parent",
}
"""Fields that have one value for many files of a folder: all of one day, for example."""
_OWN_NAMES = frozenset({("name",), ("stem",)})
_SURE_FIELDS = frozenset({"category", "extension", "size_class", "dir"})
"""Fields with which every file has a target: `{dir}` of a file in the root stands for no folder."""
_EXTENSION_FIELDS = frozenset({"ext", "extension", "type"})
"""Fields in which a file name may end; one without an extension ends before their dot."""
_TOKEN = re.compile(r"(?s)\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


class TemplateError(ValueError):
    """A target that cannot be used; `hint` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Rendered(NamedTuple):
    """The target of a file: the folder, and its name there."""

    folder: bytes
    name: bytes


class EmptyField(NamedTuple):
    """Why a file has no target: a field without a value, or a folder that no file system should have."""

    why: str


class _Context(NamedTuple):
    """What fields know beside the file: the groups of a regular expression, and whether they stand in a file name."""

    groups: Mapping[str, str]
    in_name: bool


_Value = "Callable[[FileFacts, _Context], str]"


class Part(NamedTuple):
    """A field with its fallbacks: the first value that is not empty counts."""

    text: str
    values: tuple[Callable[[FileFacts, _Context], str], ...]
    names: tuple[str, ...]

    def value(self, file: FileFacts, context: _Context) -> str:
        for value in self.values:
            if found := value(file, context):
                return found
        return ""


_Component = tuple[bytes | Part, ...]


class PathTemplate(NamedTuple):
    """The target of files as components. `absolute` is the folder that it starts from, empty for the root."""

    text: str
    folders: tuple[_Component, ...]
    name: _Component
    """The file name; empty if the file keeps its own."""
    absolute: bytes
    is_portable: bool
    fields: frozenset[str]
    groups: frozenset[str]
    date_parts: int
    """How many of year, month, day and hour decide what its dates are."""

    @property
    def renames(self) -> bool:
        """True if a file may get another name."""
        return bool(self.name) or self.is_portable

    @property
    def literal_folder(self) -> bytes:
        """The folders at the beginning that are the same for all files, relative to the root or to `absolute`."""
        literal = b""
        for component in self.folders:
            if not all(isinstance(part, bytes) for part in component):
                break
            literal = join(literal, b"".join(part for part in component if isinstance(part, bytes)))
        return literal

    @property
    def needs_contents(self) -> bool:
        """True if a field comes from what is in files, or from the date in a name."""
        return not self.fields.isdisjoint({"taken", "named", "meta", *CONTENT_FIELDS})

    @property
    def uses_modified(self) -> bool:
        """True if a field comes from the modification time."""
        return not self.fields.isdisjoint({"modified", *_DATE_ALIASES})

    @property
    def renames_by_date(self) -> bool:
        """True if names are made of dates: files of one moment need an order."""
        return any(isinstance(part, Part) and not set(part.names).isdisjoint(DATE_FIELDS) for part in self.name)

    @property
    def may_be_empty(self) -> bool:
        """True if some files may have no target: a field may be empty, or a name too long."""
        fields = [part for folder in self.folders for part in folder if isinstance(part, Part)]
        return bool(self.name) or not all(part.text in _SURE_FIELDS for part in fields)

    @property
    def is_shared(self) -> bool:
        """True if all files that are alike in `SHARED_FIELDS` have the same target, and keep their names."""
        return self.fields <= SHARED_FIELDS and self.date_parts <= 3 and not self.renames

    def render(self, file: FileFacts, groups: Mapping[str, str]) -> Rendered | EmptyField:
        """Return the target of a file, below `absolute` or the root; or why it has none."""
        rendered = b""
        context = _Context(groups, in_name=False)
        for component in self.folders:
            folder = self._component(component, file, context)
            if isinstance(folder, EmptyField):
                return folder
            if folder:
                rendered = join(rendered, folder)
        if not self.name:
            return Rendered(rendered, portable(file.name) if self.is_portable else file.name)
        name = self._named(file, _Context(groups, in_name=True))
        return name if isinstance(name, EmptyField) else Rendered(rendered, name)

    def _named(self, file: FileFacts, context: _Context) -> bytes | EmptyField:
        """Return the new name of a file. What is around its own name is not added again by a second run."""
        own = next((at for at, part in enumerate(self.name) if isinstance(part, Part) and _is_own(part)), None)
        if own is None:
            return self._component(self.name, file, context)
        before, after = (_joined_values(some, file, context) for some in (self.name[:own], self.name[own + 1 :]))
        if isinstance(before, EmptyField) or isinstance(after, EmptyField):
            return before if isinstance(before, EmptyField) else after
        part = self.name[own : own + 1]
        value = _joined_values(part, self._without(before, after, part, file), context)
        return value if isinstance(value, EmptyField) else self._checked(before + value + after, is_path=False)

    def _without(self, before: bytes, after: bytes, own: _Component, file: FileFacts) -> FileFacts:
        """Return a file without the text that an earlier run has put around its name or stem."""
        if self.is_portable:
            before, after = portable_characters(before), portable_characters(after)
        text = file.name
        if _parts_of(own) == ("stem",):
            text, dot = file.stem, after.lower().rfind(b"." + file.extension if file.extension else b".")
            after = after[:dot] if dot >= 0 else after
        inner = text.removeprefix(before).removesuffix(after)
        if not inner or inner == text or len(before) + len(inner) + len(after) != len(text):
            return file
        same = copy(file)
        same.name = inner + file.name[len(text) :]
        for fact in ("text", "lower", "extension"):
            same.__dict__.pop(fact, None)
        return same

    def _component(self, component: _Component, file: FileFacts, context: _Context) -> bytes | EmptyField:
        rendered = _joined_values(component, file, context)
        if isinstance(rendered, EmptyField):
            return rendered
        return self._checked(rendered, is_path=not set(_parts_of(component)).isdisjoint(PATH_FIELDS))

    def _checked(self, rendered: bytes, *, is_path: bool) -> bytes | EmptyField:
        """Return a rendered component if it is fit for a file system."""
        if is_path and not rendered:
            return b""
        names = rendered.split(b"/") if is_path else [rendered]
        if self.is_portable:
            names = list(map(portable, names))
        for name in names:
            if wrong := fault(name):
                return EmptyField(f"its target would have the part {display(name)}, {wrong}")
        return b"/".join(names)


def parse_target(
    text: str, *, names: str = "", calendar: Calendar | None = None, groups: Sequence[str] | None = None
) -> PathTemplate:
    """Parse a target such as `Clients/{re.client}/{modified.year}`; without a file name at its end, files keep theirs.

    `names` is `portable` for names that Windows accepts; `groups` are those of the rule's regular expressions, None if
    they are not known. Raises `TemplateError`.
    """
    if not text.strip():
        raise TemplateError("it is empty", "write for example Documents/{modified.year}")
    parser = _Parser(calendar or Calendar(), groups)
    return parser.parsed(text, is_portable=names == "portable")


class _Parser:
    def __init__(self, calendar: Calendar, groups: Sequence[str] | None) -> None:
        self._calendar = calendar
        self._groups = groups
        self._used_groups = set[str]()
        self._date_parts = 0

    def parsed(self, text: str, *, is_portable: bool) -> PathTemplate:
        absolute, rest = b"", text
        if text == "~" or text.startswith("~/"):
            absolute, rest = os.fsencode(os.path.expanduser("~")), text[2:]
        elif text.startswith("~"):
            raise TemplateError("it starts with the home directory of another user", "write the whole path: /home/…")
        elif text.startswith("/"):
            absolute, rest = b"/", text[1:]
        components = self._components(rest)
        name: _Component = ()
        if components and (not components[-1] or _is_name(components[-1])):
            name = components.pop()
        first = components[0] if components else ()
        if absolute and _parts_of(first) == ("folder_in_name",):
            raise TemplateError("{folder_in_name} may only stand at the beginning", "write all folders into it")
        if len(first) == 1 and isinstance(first[0], Part) and first[0].names == ("folder_in_name",):
            given = first[0].text.partition(":")[2]
            if given.startswith(("/", "~/")):
                absolute = os.fsencode(os.path.expanduser(given)).rstrip(b"/")
        for number, component in enumerate(components):
            _check(component)
            if number and component and isinstance(component[0], Part) and component[0].names == ("folder_in_name",):
                raise TemplateError("{folder_in_name} may only stand at the beginning", "write all folders into it")
        if name:
            _check(name)
        if _parts_of(name) == ("name",) and len(name) == 1 and isinstance(name[0], Part) and name[0].text == "name":
            name = ()  # the file keeps its name
        if absolute == b"/" or text.startswith("~"):
            components, absolute = _with_absolute(components, absolute)
        fields = frozenset(each for component in (*components, name) for each in _parts_of(component))
        groups = frozenset(self._used_groups)
        return PathTemplate(text, tuple(components), name, absolute, is_portable, fields, groups, self._date_parts)

    def _components(self, text: str) -> list[_Component]:
        components: list[_Component] = [()]
        for match in _TOKEN.finditer(text):
            piece, field = match[0], match[1]
            if field is not None:
                self._add_field(components, field)
            elif piece in "{}":
                raise TemplateError(f"a single {piece} is not allowed", "write {{ and }} for braces")
            else:
                literal = piece[:1] if piece in {"{{", "}}"} else piece
                for number, part in enumerate(literal.split("/")):
                    if number:
                        components.append(())
                    if part:
                        components[-1] = _joined(components[-1], os.fsencode(part))
        return components

    def _add_field(self, components: list[_Component], field: str) -> None:
        names, _, form = field.partition(":")
        if "/" in form and not names.startswith(("folder_in_name", "dir")):
            # {modified:%Y/%m} is one folder in another
            for number, each in enumerate(form.split("/")):
                if number:
                    components.append(())
                components[-1] += (self._part(f"{names}:{each}"),)
        else:
            components[-1] += (self._part(field),)

    def _part(self, text: str) -> Part:
        all_names, colon, form = text.partition(":")
        names = tuple(name.strip() for name in all_names.split("|"))
        values = tuple(self._value(_DATE_ALIASES.get(name, name), form if colon else None, text) for name in names)
        return Part(text, values, tuple(name.partition(".")[0] for name in names))

    def _value(self, name: str, form: str | None, text: str) -> Callable[[FileFacts, _Context], str]:
        base, dot, part = name.partition(".")
        try:
            if base in DATE_FIELDS:
                if dot and part not in DATE_PARTS:
                    raise TemplateError(f"{base} has no part {part}{did_you_mean(part, DATE_PARTS)}", _parts_hint(base))
                if dot and form is not None:
                    raise TemplateError(f"{{{text}}} has both a part and a format", f"write {{{base}:{form}}}")
                form = DATE_PARTS[part] if dot else form or "%Y-%m-%d"
                self._date_parts = max(self._date_parts, date_parts(form))
                return partial(_date, _CALENDARS[base], date_format(form, self._calendar))
            if base == "re":
                return self._group(part, form, text)
            if base == "meta":
                return _meta_value(part, () if form is None else tuple(map(text_format, form.split(":"))), text)
            if dot:
                raise TemplateError(f"{base} has no parts", "only dates have parts, such as {modified.year}")
            if base in PATH_FIELDS:
                return _path_value(base, form)
            if base in TEXT_FIELDS or base in CONTENT_FIELDS:
                formats = () if form is None else tuple(map(text_format, form.split(":")))
                return _text_value(base, formats, () if form is None else tuple(form.split(":")))
        except TemplateError:
            raise
        except ValueError as error:
            raise TemplateError(f"{{{text}}} cannot be used: {error}") from error
        known = [*TEXT_FIELDS, *DATE_FIELDS, *PATH_FIELDS, *_DATE_ALIASES, *CONTENT_FIELDS]
        raise TemplateError(f"{{{text}}} is not a field{did_you_mean(base, known)}", _fields_hint())

    def _group(self, group: str, form: str | None, text: str) -> Callable[[FileFacts, _Context], str]:
        if not group:
            raise TemplateError(f"{{{text}}} names no group", "write {re.client} for the group (?P<client>…)")
        if self._groups is not None and group not in self._groups:
            has = f"has the groups {', '.join(self._groups)}" if self._groups else "has no regex with a named group"
            raise TemplateError(f"{{{text}}} is not known: the rule {has}", "name a group with (?P<name>…)")
        self._used_groups.add(group)
        formats = () if form is None else tuple(map(text_format, form.split(":")))
        return partial(_group_value, group, formats)


def _joined_values(component: _Component, file: FileFacts, context: _Context) -> bytes | EmptyField:
    """Return the text of a component, or which of its fields is empty."""
    pieces = list[bytes]()
    for part in component:
        if isinstance(part, bytes):
            pieces.append(part)
            continue
        value = part.value(file, context)
        if not value and part.names != ("dir",):
            has_dot = bool(pieces) and pieces[-1].endswith(b".")
            if not (context.in_name and part.names[0] in _EXTENSION_FIELDS and has_dot):
                return EmptyField(f"{{{part.text}}} is empty")
            pieces[-1] = pieces[-1][:-1]  # a file without an extension gets none
        pieces.append(os.fsencode(value))
    return b"".join(pieces)


def _with_absolute(components: list[_Component], above: bytes) -> tuple[list[_Component], bytes]:
    """Move the literal folders at the beginning of an absolute target into its starting folder."""
    while components and all(isinstance(part, bytes) for part in components[0]):
        above = join(above.rstrip(b"/"), b"".join(part for part in components.pop(0) if isinstance(part, bytes)))
        above = above if above.startswith(b"/") else b"/" + above
    if above == b"/":
        raise TemplateError("it starts with a field at the top of the file system", "name a folder first: /mnt/disk/…")
    return components, above


def _joined(component: _Component, literal: bytes) -> _Component:
    """Append text; adjacent texts become one, so that `.` and `..` are recognized."""
    if component and isinstance(component[-1], bytes):
        return (*component[:-1], component[-1] + literal)
    return (*component, literal)


def _parts_of(component: _Component) -> tuple[str, ...]:
    return tuple(name for part in component if isinstance(part, Part) for name in part.names)


def _is_name(component: _Component) -> bool:
    """Return whether the last component is a file name: it holds all of the name, or ends in `.{ext}`, or holds the
    stem and ends in an extension.
    """
    names = set(_parts_of(component))
    has_name = any(isinstance(part, Part) and part.names == ("name",) and not _is_cut(part) for part in component)
    if has_name or ("stem" in names and bool(names & _EXTENSION_FIELDS)):
        return True
    *before, last = component or (b"",)
    if isinstance(last, bytes):
        return "stem" in names and _EXTENSION.search(last) is not None
    ends = isinstance(last, Part) and last.names[0] in _EXTENSION_FIELDS
    return ends and bool(before) and isinstance(before[-1], bytes) and before[-1].endswith(b".") and before != [b"."]


_EXTENSION = re.compile(rb"\.[A-Za-z0-9]{1,5}\Z")


def _is_own(part: Part) -> bool:
    """Return whether a field is all of the file's own name, or of its stem, perhaps in another form."""
    return part.names in _OWN_NAMES and not _is_cut(part)


def _is_cut(part: Part) -> bool:
    """Return whether a field takes only the beginning of its value."""
    return any(form.isdecimal() for form in part.text.split(":")[1:])


def _check(component: _Component) -> None:
    """Raise `TemplateError` if a component makes an unfit folder."""
    if not component:
        raise TemplateError("it has an empty part between two slashes", "leave out one of the slashes")
    paths = [part for part in component if isinstance(part, Part) and not set(part.names).isdisjoint(PATH_FIELDS)]
    if paths and len(component) > 1:
        raise TemplateError(f"{{{paths[0].text}}} is a whole path, and other text stands beside it", "put a / between")
    if paths and len(paths[0].names) > 1:
        raise TemplateError(f"{{{paths[0].text}}} is a path and can have no fallback")
    literals = [part for part in component if isinstance(part, bytes)]
    if sum(map(len, literals)) > MAX_LITERAL_BYTES:
        raise TemplateError(f"a part of it has more than {MAX_LITERAL_BYTES} bytes of text")
    if wrong := fault(b"".join(part if isinstance(part, bytes) else b"x" for part in component)):
        hint = "write {name} for the folder that is organized" if component == (b".",) else ""
        raise TemplateError(f"it has a part {wrong}", hint or "a target may not lead out of its folder")


def _parts_hint(base: str) -> str:
    return f"the parts are {' '.join(f'{base}.{part}' for part in DATE_PARTS)}"


def _fields_hint() -> str:
    fields = [*TEXT_FIELDS, *DATE_FIELDS, *_DATE_ALIASES, *CONTENT_FIELDS, *PATH_FIELDS, "meta.FIELD", "re.GROUP"]
    return f"the fields are {' '.join(f'{{{field}}}' for field in fields)}; write {{{{ and }}}} for braces"


# Values -----------------------------------------------------------------------------------------------------------


_CALENDARS: Mapping[str, Callable[[FileFacts], time.struct_time | None]] = {
    "modified": lambda file: file.modified,
    "taken": lambda file: None if file.taken is None else file.taken.calendar,
    "named": lambda file: None if file.named is None else file.named.calendar,
}


def _date(
    calendar: Callable[[FileFacts], time.struct_time | None],
    form: Callable[[time.struct_time], str],
    file: FileFacts,
    _: _Context,
) -> str:
    moment = calendar(file)
    return "" if moment is None else form(moment)


def _meta_value(name: str, formats: Sequence[Callable[[str], str]], shown: str) -> Callable[[FileFacts, _Context], str]:
    if name not in META:
        raise TemplateError(
            f"{{{shown}}} is not a field{did_you_mean(name, META)}",
            f"the fields are {' '.join(f'{{meta.{each}}}' for each in META)}",
        )

    def value(file: FileFacts, _: _Context) -> str:
        text = safe_part(file.media.texts.get(name, ""))
        for form in formats:
            text = form(text)
        return text

    return value


def _group_value(group: str, formats: Sequence[Callable[[str], str]], _: FileFacts, context: _Context) -> str:
    text = context.groups.get(group, "").strip()
    for form in formats:
        text = form(text)
    return text


def _text_value(
    name: str, formats: Sequence[Callable[[str], str]], words: Sequence[str]
) -> Callable[[FileFacts, _Context], str]:
    if name == "name":
        return partial(_name_value, formats, words)
    raw: dict[str, Callable[[FileFacts, _Context], str]] = {
        "stem": lambda file, _: decoded(file.stem),
        "ext": _ext,
        "extension": lambda file, _: decoded(file.extension or NO_EXTENSION),
        "category": lambda file, _: file.category,
        "size_class": lambda file, _: size_class(file.size),
        "parent": lambda file, _: decoded(file.folder.rpartition(b"/")[2]),
        "type": lambda file, _: decoded(file.content_type.fitting_extension),
        "pixels": lambda file, _: f"{file.media.width}x{file.media.height}" if file.media.width else "",
    }
    get = raw[name]
    if not formats:
        return get

    def formatted(file: FileFacts, context: _Context) -> str:
        text = get(file, context)
        for form in formats:
            text = form(text)
        return text

    return formatted


def _ext(file: FileFacts, context: _Context) -> str:
    if not context.in_name or not file.extension:
        return decoded(file.extension)
    return decoded(file.name[-len(file.extension) :])


def _name_value(formats: Sequence[Callable[[str], str]], words: Sequence[str], file: FileFacts, _: _Context) -> str:
    text = decoded(file.name)
    for form, word in zip(formats, words, strict=True):
        if word == "slug":  # the dot before the extension stays
            stem = slug(decoded(file.stem))
            text = f"{stem}.{decoded(file.extension)}" if file.extension and stem else stem
        elif word == "title" and file.extension and text.lower().endswith(ending := f".{decoded(file.extension)}"):
            text = form(text[: -len(ending)]) + text[-len(ending) :]
        else:
            text = form(text)
    return text


def _path_value(name: str, form: str | None) -> Callable[[FileFacts, _Context], str]:
    if name == "dir":
        if form is not None:
            raise TemplateError("{dir} has no formats")
        return lambda file, _: decoded(file.folder)
    if not form:
        raise TemplateError("{folder_in_name} names no folder", "write for example {folder_in_name:Projects}")
    is_absolute = form.startswith(("/", "~/"))
    path = os.fsencode(os.path.expanduser(form)).rstrip(b"/")
    inside = path[1:] if is_absolute else path
    if any(fault(part) for part in inside.split(b"/")):
        raise TemplateError(f"{{folder_in_name:{form}}} is no folder that files can be moved to")
    return partial(_folder_in_name, path, not is_absolute)


def _folder_in_name(path: bytes, is_below_root: bool, file: FileFacts, _: _Context) -> str:
    """Return the longest name of a folder in `path` that stands in the file's name as whole words, without case."""
    best = ""
    for folder in file.folders_in(path):
        if len(folder) > len(best) and _stands_in(composed(folder).lower(), file.lower):
            best = folder
    if not best:
        return ""
    return f"{decoded(path)}/{best}" if is_below_root else best


def _stands_in(words: str, text: str) -> bool:
    at = text.find(words)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(words) : at + len(words) + 1]
        if not (before.isalnum() and words[0].isalnum()) and not (after.isalnum() and words[-1].isalnum()):
            return True
        at = text.find(words, at + 1)
    return False
