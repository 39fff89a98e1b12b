"""Refuses roots where organizing would be harmful or is clearly unintended."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fileorg.core.errors import ErrorCode, GuardRefused, UsageError, about, blank_path
from fileorg.core.figures import plural
from fileorg.core.model import WITHIN
from fileorg.core.names import below, display, is_within, scheme_of
from fileorg.core.trusted import path_of
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local import posix
from fileorg.workflows.places import ProtectedPlace, is_systems, own_home, place_in, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.workflows.surroundings import EnclosingWhole

_Guard = TypeVar("_Guard", bound="Callable[..., Any]")
_ANOTHER = "choose a folder of your own files"
_OVERRIDE = "--inside-project"


def _about_it(guard: _Guard) -> _Guard:
    """Add the checked path to the errors of a guard."""

    @functools.wraps(guard)
    def guarded(path: bytes, *more: Any, **named: Any) -> Any:
        with about(path):
            return guard(path, *more, **named)

    return cast("_Guard", guarded)


@_about_it
def existing_folder(path: bytes) -> bytes:
    """Return the real path of a readable folder. Raises `UsageError`, which says what the path is instead."""
    if not path:
        raise blank_path("PATH")
    _refuse_url(path)
    shown = display(path)
    _check_within(os.path.realpath(path), path)
    try:
        real = os.path.realpath(path, strict=True)
    except FileNotFoundError:
        is_pattern = path.startswith(b"~") or b"*" in path or b"?" in path
        hint = "the shell did not expand the name: remove the quotes" if is_pattern else "check the spelling"
        raise UsageError(f"There is no folder {shown}.", hint=hint, code=ErrorCode.NO_SUCH_PATH) from None
    except OSError as error:
        raise UsageError(f"{shown} cannot be used: {error.strerror}.", code=ErrorCode.PATH_UNUSABLE) from error
    if not os.path.isdir(real):
        raise UsageError(
            f"{shown} is a file, not a folder.", hint="give the folder that contains it", code=ErrorCode.NOT_A_FOLDER
        )
    if not os.access(real, os.R_OK | os.X_OK):
        raise UsageError(
            f"{shown} cannot be read: permission denied.",
            hint="check its owner and mode with ls -ld",
            code=ErrorCode.PERMISSION_DENIED,
        )
    return _as_on_disk(real)


def _as_on_disk(path: bytes) -> bytes:
    from fileorg.storage.local.casing import actual_path  # commands without a folder do not need it

    return actual_path(path)


def _check_within(real: bytes, path: bytes) -> None:
    """Raise `Outside` for a path that leads to where this process may not work."""
    if WITHIN in os.environ:
        from fileorg.core.confinement import check_path  # few processes are confined

        check_path(real, path)


def _refuse_url(path: bytes) -> None:
    """Raise `UsageError` for a URL where only a folder can be used."""
    if scheme_of(path):
        from fileorg.workflows.stores import refuse_in_stores

        refuse_in_stores([path], "run this command")


class Allowed(NamedTuple):
    """Exceptions to the guards: `inside_project` permits a part of a project; `within` is the identity of a folder that
    was checked before, whose surroundings are not checked again; `read_only` permits a folder that cannot be written.
    Otherwise `way_out` follows the hint of the error.
    """

    inside_project: bool = False
    within: tuple[int, int] | None = None
    read_only: bool = False
    way_out: str = ""


NOTHING = Allowed()


@_about_it
def changeable_folder(path: bytes, state: StateDirectory, allowed: Allowed = NOTHING) -> bytes:
    """Return the real path of a folder that files may be moved in. Raises `UsageError`, or `GuardRefused` for a place
    that is not a folder of files: of the system, a whole home directory, the state directory; and, unless `allowed`,
    for a part of a project or another folder that belongs together.
    """
    real = existing_folder(path)
    shown = display(path)
    with _opened(real, shown) as fd:
        _judge(fd, real, shown, state, allowed)
    return real


def check_opened(
    fd: int, path: bytes, state: StateDirectory, allowed: Allowed = NOTHING, *, to_be_made: bytes = b""
) -> None:
    """Check the guards again for an open directory, because another one may have taken its path before it was opened.
    If `to_be_made` is given, only that path below it is used. Raises like `changeable_folder`.
    """
    _judge(fd, path, display(path), state, allowed, to_be_made)


@_about_it
def destination(path: bytes, state: StateDirectory, allowed: Allowed = NOTHING) -> tuple[bytes, bytes]:
    """Return the real path of an existing folder, and the path below it that is to be created.

    Nothing is created here: that is a journaled step of the plan, which can be undone. Raises like
    `changeable_folder`.
    """
    if not path:
        raise blank_path("--dest")
    _refuse_url(path)
    real = os.path.realpath(path)
    _check_within(real, path)
    base, missing = real, list[bytes]()
    while not os.path.lexists(base):
        base, name = os.path.split(base)
        missing.insert(0, name)
    if not missing:
        return changeable_folder(path, state, allowed), b""
    shown = display(path)
    if not os.path.isdir(base):
        raise UsageError(
            f"Could not create {shown}: {display(base)} is a file, not a folder.", code=ErrorCode.NOT_A_FOLDER
        )
    if any(len(name) > 255 for name in missing):
        raise UsageError(
            f"Could not create {shown}: a name in it is longer than 255 bytes.", code=ErrorCode.PATH_UNUSABLE
        )
    with _opened(base, shown) as fd:
        _judge(fd, base, shown, state, allowed, b"/".join(missing))
    return _as_on_disk(base), b"/".join(missing)


def _judge(fd: int, path: bytes, shown: str, state: StateDirectory, allowed: Allowed, to_be_made: bytes = b"") -> None:
    """Raise `GuardRefused` for a place whose files must not be moved, `UsageError` for one that is not writable."""
    from fileorg.workflows.surroundings import surroundings  # undo does not need it

    real = below(path_of(fd, path), to_be_made)
    refuse_system(real, shown, state)
    if b".fileorg" in real.lower().split(b"/"):
        raise GuardRefused(
            f"{shown} is in fileorg's trash.", hint="fileorg purge empties the trash", code=ErrorCode.REFUSED_PLACE
        )
    _refuse_place(place_of(real), shown, allowed)
    if own_home().startswith(real + b"/"):
        raise GuardRefused(f"{shown} contains your home directory.", hint=_ANOTHER, code=ErrorCode.REFUSED_PLACE)
    part, system = surroundings(fd, path, is_asked=not to_be_made, within=allowed.within)
    if system is not None:
        _refuse_place(place_in(system, real), f"{shown}, in the system at {display(system)},", allowed)
    if part is not None and not allowed.inside_project:
        raise GuardRefused(
            _sentence(part, shown),
            hint=f"choose another folder, or allow this one with {_OVERRIDE}",
            code=ErrorCode.PART_OF_A_WHOLE,
        )
    if not allowed.read_only and (error := unwritable(fd, shown, allowed.way_out)) is not None:
        raise error


def _sentence(part: EnclosingWhole, shown: str) -> str:
    marker = display(part.marker)
    if part.by_version_control:
        return f"{shown} is under version control ({marker}): its files belong where they are."
    what = str(part.of).removesuffix(" folder")
    article = "an" if what[0] in "aeiou" else "a"
    return f"{shown} is part of {article} {what} ({marker}): its files belong where they are."


def _refuse_place(place: ProtectedPlace, shown: str, allowed: Allowed) -> None:
    match place:
        case ProtectedPlace.HOME:
            raise GuardRefused(
                f"{shown} is a home directory: programs keep their settings there.",
                hint="choose a folder in it",
                code=ErrorCode.REFUSED_PLACE,
            )
        case ProtectedPlace.KEYS:
            raise GuardRefused(f"{shown} is a folder for private keys.", hint=_ANOTHER, code=ErrorCode.REFUSED_PLACE)
        case ProtectedPlace.SETTINGS if not allowed.inside_project:
            raise GuardRefused(
                f"{shown} is in a settings folder of a home directory.",
                hint=f"choose another folder, or allow this one with {_OVERRIDE}",
                code=ErrorCode.REFUSED_PLACE,
            )
        case ProtectedPlace.SYSTEM:
            raise GuardRefused(f"{shown} belongs to the system.", hint=_ANOTHER, code=ErrorCode.REFUSED_PLACE)


def refuse_system(real: bytes, shown: str, state: StateDirectory) -> None:
    """Raise `GuardRefused` for a place where nothing is moved, not even by undo: such a journal is forged."""
    if is_systems(real):
        raise GuardRefused(f"{shown} belongs to the system.", hint=_ANOTHER, code=ErrorCode.REFUSED_PLACE)
    if is_within(real, state.path):
        raise GuardRefused(f"{shown} is fileorg's own state directory.", hint=_ANOTHER, code=ErrorCode.REFUSED_PLACE)


@contextlib.contextmanager
def _opened(real: bytes, shown: str) -> Iterator[int]:
    try:
        fd = posix.open_root(real)
    except OSError as error:
        raise UsageError(f"{shown} cannot be used: {error.strerror}.", code=ErrorCode.PATH_UNUSABLE) from error
    try:
        yield fd
    finally:
        os.close(fd)


def unwritable(fd: int, shown: str, way_out: str = "") -> UsageError | None:
    """Return the error to raise before a change of an open folder that cannot be written, None if it can."""
    if os.access(b".", os.W_OK | os.X_OK, dir_fd=fd):
        return None
    if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
        return UsageError(
            f"{shown} is on a read-only file system.",
            hint=f"mount it for writing{way_out}",
            code=ErrorCode.READ_ONLY,
        )
    return UsageError(
        f"{shown} cannot be written: permission denied.",
        hint=f"check its owner and mode with ls -ld{way_out}",
        code=ErrorCode.PERMISSION_DENIED,
    )


def refuse_too_many(files: int, limit: int | None, noun: str, participle: str) -> None:
    """Check --max-changes; `1 noun would be participle` is in the message. Raises `GuardRefused`."""
    if limit is not None and files > limit:
        raise GuardRefused(
            f"{plural(files, noun)} would be {participle}, more than --max-changes {limit:,} allows.",
            hint="check the plan with --dry-run, then raise the limit",
            code=ErrorCode.TOO_MANY_CHANGES,
        )
