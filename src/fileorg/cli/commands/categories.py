"""`fileorg categories`: list the categories, and change those of `fileorg.toml`."""

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import complete, values
from fileorg.cli import options as shared
from fileorg.cli.options import Format
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, Exit, UsageError
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory
    from fileorg.journal.configuration_changes import ConfigurationChange

EXAMPLES = """
# All categories, and the extensions of one
fileorg categories
fileorg categories show Images

# A category of your own; +iso takes the extension from another category
fileorg categories add Games nes gba +iso

# Add and remove extensions, also of a built-in category
fileorg categories edit Images rawx --without svg

# Remove a category, and take that back
fileorg categories remove Games
fileorg categories restore Games
"""


class CategoryStep(StrEnum):
    """What to do with the categories."""

    LIST = "list"
    SHOW = "show"
    ADD = "add"
    EDIT = "edit"
    REMOVE = "remove"
    RESTORE = "restore"
    CHANGES = "changes"


StepArgument = Annotated[
    CategoryStep,
    Argument(
        metavar="STEP",
        help="list, show, add, edit or remove a category; restore takes the last change back; changes lists them.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    Argument(metavar="NAME", help="The category.", show_default=False, complete=complete.categories),
]
Extensions = Annotated[
    list[str] | None,
    Argument(metavar="EXT", help="Extensions to add; +EXT takes it from another category.", show_default=False),
]
Without = Annotated[list[str] | None, Option("--without", metavar="EXT", help="Remove an extension. May be repeated.")]


class CategoryFacts(NamedTuple):
    """A category as it is in effect. `origin` is for people."""

    name: str
    extensions: Sequence[bytes]
    is_custom: bool
    origin: str


def categories(
    step: StepArgument = CategoryStep.LIST,
    name: Name = None,
    extensions: Extensions = None,
    without: Without = None,
    format_: shared.TextOrJson = Format.TEXT,
    quiet: shared.Quiet = False,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """List the categories, and change them.

    A category is a folder name and its extensions. Changes are made in the configuration file, whose other text,
    comments and order stay as they are. remove switches a built-in category off: its files stay in place. restore takes
    back the last change that this command made, of NAME or of any category; fileorg undo does not concern categories.
    """
    from fileorg.workflows.categories import ADD, EDIT, REMOVE

    path = values.default_config_path() if config is None else os.fsencode(config)
    _refuse_extra(step, name, extensions, without)
    if step is CategoryStep.CHANGES:
        return _show_changes(path, format_, shared.state_to_read(state_dir))
    if step is CategoryStep.RESTORE:
        return _restore(path, name, shared.state(state_dir), format_, config, quiet=quiet)
    found = _facts(config if config is None or os.path.lexists(path) or step in _READS else os.devnull)
    if step is CategoryStep.LIST:
        return _show(list(found.values()), format_, listed=True)
    known = _known(found, name, step)
    if step is CategoryStep.SHOW:
        return _show([found[known]], format_, listed=False)
    kind, text = {
        CategoryStep.ADD: (ADD, f"Added the category {known}"),
        CategoryStep.EDIT: (EDIT, f"Changed the category {known}"),
        CategoryStep.REMOVE: (REMOVE, f"Removed the category {known}"),
    }[step]
    number = _change(path, kind, known, extensions or [], without or [], shared.state(state_dir))
    if format_ is Format.JSON:
        return _show(list(_facts(config).values()), format_, listed=True)
    if not quiet:
        _say(f"{text}. Take it back with: fileorg categories restore" if number else "Nothing to change.")
    return Exit.DONE


_READS = frozenset({CategoryStep.LIST, CategoryStep.SHOW})


def _refuse_extra(
    step: CategoryStep, name: str | None, extensions: Sequence[str] | None, without: Sequence[str] | None
) -> None:
    """Raise `UsageError` for words that the step has no use for, or that it lacks."""
    from fileorg.core.names import display

    if name is None and step in {CategoryStep.SHOW, CategoryStep.ADD, CategoryStep.EDIT, CategoryStep.REMOVE}:
        raise UsageError(
            f"{step} requires the name of a category.",
            hint=f"for example: fileorg categories {step} Games",
            code=ErrorCode.MISSING_ARGUMENT,
        )
    extra = [*(extensions or ())][:1] if step not in {CategoryStep.ADD, CategoryStep.EDIT} else []
    if step in {CategoryStep.LIST, CategoryStep.CHANGES} and name is not None:
        extra = [name]
    if extra:
        raise UsageError(
            f"{step} takes no {display(extra[0])}.",
            hint="fileorg categories --help",
            code=ErrorCode.UNEXPECTED_ARGUMENT,
        )
    if without and step is not CategoryStep.EDIT:
        raise UsageError(f"--without requires edit, not {step}.", hint="fileorg categories edit NAME --without EXT")
    if step in {CategoryStep.ADD, CategoryStep.EDIT} and not extensions and not without:
        raise UsageError(
            f"{step} requires extensions.",
            hint=f"for example: fileorg categories {step} Games nes gba",
            code=ErrorCode.MISSING_ARGUMENT,
        )


def _facts(config: str | None) -> dict[str, CategoryFacts]:
    """Return the categories in effect, and the built-in ones that are switched off, by their names."""
    from fileorg.rules.category_changes import with_changes
    from fileorg.rules.extensions import CATEGORIES, OTHER

    configuration = values.configuration(config)
    changes = configuration.categories if configuration is not None else ()
    changed = {change.name for change in changes}
    found: dict[str, CategoryFacts] = {}
    for name, extensions in with_changes(changes).items():
        origin = ("own" if name not in CATEGORIES else "changed") if name in changed else ""
        found[name] = CategoryFacts(name, extensions, name not in CATEGORIES and name != OTHER, origin)
    for change in changes:
        if not change.enabled:
            extensions = CATEGORIES.get(change.name) or (*change.extensions, *change.taken)
            found[change.name] = CategoryFacts(change.name, extensions, change.name not in CATEGORIES, "off")
    return found


def _known(found: dict[str, CategoryFacts], name: str | None, step: CategoryStep) -> str:
    """Return the name of a category as it is spelled: `disk-images` is `Disk images`. Raises `UsageError`."""
    from fileorg.core.names import display
    from fileorg.rules.config_values import nearest

    text = (name or "").strip()
    folded = {complete.category_word(each).lower(): each for each in found}
    known = folded.get(complete.category_word(text).lower())
    if step is CategoryStep.ADD:
        if known is not None:
            raise UsageError(
                f"There is a category {display(known)} already.",
                hint=f"fileorg categories edit {complete.category_word(known)} EXT… adds extensions to it",
                code=ErrorCode.BAD_VALUE,
            )
        return text
    if known is None:
        raise UsageError(
            f"Unknown category: {display(text)}.", hint=nearest(text, list(found)), code=ErrorCode.BAD_VALUE
        )
    return known


def _change(
    path: bytes, kind: str, name: str, extensions: Sequence[str], without: Sequence[str], state: "StateDirectory"
) -> int | None:
    from functools import partial

    from fileorg.rules.config_edit import with_category, without_category
    from fileorg.rules.extensions import CATEGORIES
    from fileorg.workflows.categories import REMOVE, change_configuration

    if kind == REMOVE and name not in CATEGORIES:
        edit = partial(without_category, name=name)
    elif kind == REMOVE:
        edit = partial(with_category, name=name, enabled=False)
    else:
        signed = [f"-{each.lstrip('+-')}" for each in without] if name in CATEGORIES else []
        drop = without
        if name in CATEGORIES:  # what is built in is removed by a sign
            own = frozenset(CATEGORIES[name])
            signed = [each for each in signed if each[1:].removeprefix(".").lower().encode() in own]
        edit = partial(with_category, name=name, add=[*extensions, *signed], drop=drop, enabled=True)
    return change_configuration(path, kind, name, edit, state)


def _restore(
    path: bytes,
    name: str | None,
    state: "StateDirectory",
    format_: Format,
    config: str | None,
    *,
    quiet: bool,
) -> Exit:
    from fileorg.core.names import display
    from fileorg.workflows.categories import changes_of, restore_category

    subject = name
    if name is not None:
        known = {complete.category_word(each.subject).lower(): each.subject for each in changes_of(path, state)}
        subject = known.get(complete.category_word(name.strip()).lower(), name)
    change = restore_category(path, subject, state)
    if format_ is Format.JSON:
        return _show(list(_facts(config if os.path.lexists(path) else os.devnull).values()), format_, listed=True)
    if not quiet:
        what = "Nothing to take back." if change is None else f"Took back the change {change.id}"
        _say(what if change is None else f"{what} ({change.kind} {display(change.subject)}).")
    return Exit.DONE


def _say(text: str) -> None:
    from fileorg.cli.terminal import standard_output

    out = standard_output()
    out.prose(text)
    out.flush()


def _show(found: Sequence[CategoryFacts], format_: Format, *, listed: bool) -> Exit:
    from fileorg.cli.render import Column, table
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import write_json
    from fileorg.core.names import display

    out = standard_output()
    if format_ is Format.JSON:
        write_json(out.stream, {"categories": [_as_json(each) for each in found if each.origin != "off"]})
    elif listed:
        columns = (Column("Category"), Column("Extensions", right=True), Column("", drop_rank=1))
        table(out, columns, [(display(each.name), f"{len(each.extensions):,}", each.origin) for each in found])
    else:
        for each in found:
            note = {"own": " (your own)", "changed": " (built in, changed)", "off": " (switched off)"}
            out.line(f"{display(each.name)}{note.get(each.origin, '')}")
            out.prose(" ".join(map(display, each.extensions)), "  ")
    out.flush()
    return Exit.DONE


def _as_json(found: CategoryFacts) -> dict[str, Any]:
    return {
        "id": complete.category_word(found.name).lower(),
        "name": found.name,
        "extensions": [os.fsdecode(extension) for extension in found.extensions],
        "is_custom": found.is_custom,
    }


def _show_changes(path: bytes, format_: Format, state: "StateDirectory") -> Exit:
    from fileorg.cli.render import Column, table
    from fileorg.cli.terminal import standard_output
    from fileorg.core.figures import when
    from fileorg.core.formats import iso, named, write_json
    from fileorg.core.names import display
    from fileorg.workflows.categories import changes_of

    out, found = standard_output(), changes_of(path, state)
    if format_ is Format.JSON:
        rows = [
            {
                "change": each.id,
                "kind": each.kind,
                "category": each.subject,
                "time": iso(each.at_ns),
                "restores": each.restores,
                **named("path", each.path),
            }
            for each in found
        ]
        write_json(out.stream, {"changes": rows})
    elif not found:
        out.prose("No changes yet.")
    else:
        columns = (Column("#", right=True), Column("Time"), Column("Change"), Column("Category", shrinks=True))
        table(out, columns, list(_change_rows(found, when, display)))
    out.flush()
    return Exit.DONE


def _change_rows(found: "Sequence[ConfigurationChange]", when: Any, shown: Any) -> Iterator[tuple[str, str, str, str]]:
    for each in found:
        what = f"restore ({each.restores})" if each.restores is not None else each.kind
        yield str(each.id), when(each.at_ns), what, shown(each.subject)
