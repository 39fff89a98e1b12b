"""The completion scripts of bash, zsh and fish, and their installation: what it writes, and how it is taken back."""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING

from fileorg.cli.parameters import Option
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.cli.terminal import Out

BASH, ZSH, FISH = "bash", "zsh", "fish"
INSTALL, REMOVE, SHOW = "--install-completion", "--remove-completion", "--show-completion"
PROGRAM_OPTIONS = (
    Option(INSTALL, metavar="[SHELL]", help="Add completion to bash, zsh or fish. Default: the current shell."),
    Option(REMOVE, metavar="[SHELL]", help=f"Take back what {INSTALL} did."),
    Option(SHOW, metavar="[SHELL]", help="Print the completion script of the shell."),
)
"""Options of the program, which are found in the raw words. They are declared for the help and for completion."""

_MARK = "# fileorg completion"

_BASH = r"""# Completion of fileorg for bash
_fileorg() {
    local paths word about
    COMPREPLY=()
    {
        IFS= read -r paths
        while IFS=$'\t' read -r word about; do
            COMPREPLY+=("$word")
        done
    } < <(_FILEORG_COMPLETE=bash "${1/#\~\//$HOME/}" "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    case $paths in
        folders) compopt -o dirnames -o plusdirs ;;
        files) compopt -o default ;;
    esac
}
complete -F _fileorg fileorg
"""

_ZSH = r"""#compdef fileorg
# Completion of fileorg for zsh: to be sourced, or in a folder of $fpath
_fileorg() {
    local row ret=1
    local -a line answer rows
    line=("${(@)words[2,CURRENT]}")
    line[-1]=$PREFIX
    line=("${(@Q)line}")
    answer=("${(@f)$(_FILEORG_COMPLETE=zsh ${~${(Q)words[1]}} "${(@)line}" 2>/dev/null)}")
    for row in "${(@)answer[2,-1]}"; do
        rows+=("${${row%%$'\t'*}//:/\\:}${${row#*$'\t'}:+:${row#*$'\t'}}")
    done
    [[ $PREFIX != --*=* ]] || compset -P 1 '*='
    (( ! $#rows )) || _describe -V fileorg rows && ret=0
    case $answer[1] in
        folders) _files -/ && ret=0 ;;
        files) _files && ret=0 ;;
    esac
    return ret
}
if [[ $funcstack[1] == _fileorg ]]; then
    _fileorg "$@"
else
    fpath=("${${(%):-%x}:h}" $fpath)
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _fileorg fileorg
fi
"""

_FISH = r"""# Completion of fileorg for fish
function __fileorg_complete
    set -l line (commandline -opc)
    set -l word (commandline -ct)
    set -l program (string replace -r -- '^~/' "$HOME/" $line[1])
    set -l answer (env _FILEORG_COMPLETE=fish $program $line[2..-1] "$word" 2>/dev/null)
    set -l lead (string match -r -- '^--[^=]*=' "$word")
    set -l path (string replace -r -- '^--[^=]*=' '' "$word")
    switch "$answer[1]"
        case folders
            for each in (__fish_complete_directories "$path")
                printf '%s\n' "$lead$each"
            end
        case files
            for each in (__fish_complete_path "$path")
                printf '%s\n' "$lead$each"
            end
    end
    if set -q answer[2]
        printf '%s\n' $answer[2..-1]
    end
end
complete --command fileorg --no-files --keep-order --arguments '(__fileorg_complete)'
"""

SHELLS = {BASH: _BASH, ZSH: _ZSH, FISH: _FISH}
"""The completion scripts."""


class _Place(NamedTuple):
    """The file of a script, and the start-up file with a line that reads it, None for a shell that finds it itself."""

    script: str
    start: str | None


def run(option: str, words: Sequence[str], out: Out) -> int:
    """Run one of `PROGRAM_OPTIONS`. Raises `UsageError`, `OSError`."""
    if len(words) > 1:
        raise UsageError(
            f"{option} takes one shell: unexpected {display(words[1])}.", code=ErrorCode.UNEXPECTED_ARGUMENT
        )
    shell = words[0] if words else _current_shell(option)
    if shell not in SHELLS:
        raise UsageError(
            f"{display(shell)} is not a shell with completion: choose bash, zsh or fish.", code=ErrorCode.BAD_VALUE
        )
    if option == SHOW:
        out.stream.write(SHELLS[shell])
    elif option == INSTALL:
        _install(shell, out)
    else:
        _remove(shell, out)
    return 0


def _current_shell(option: str) -> str:
    from shellingham import ShellDetectionFailure, detect_shell

    with contextlib.suppress(ShellDetectionFailure):
        if (name := str(detect_shell()[0])) in SHELLS:
            return name
    raise UsageError(
        "The current shell is not bash, zsh or fish.",
        hint=f"name a shell: fileorg {option} zsh",
        code=ErrorCode.BAD_VALUE,
    )


def _install(shell: str, out: Out) -> None:
    place = _place(shell)
    changed = []
    if _replace(place.script, SHELLS[shell].encode()):
        changed.append(f"Wrote {_short(place.script)}.")
    if place.start is not None:
        line = f"[[ ! -r {_short(place.script)} ]] || source {_short(place.script)}  {_MARK}\n".encode()
        before = _read(place.start)
        if line not in before.splitlines(keepends=True):
            kept = _without_line(before)
            _replace(place.start, kept + (b"\n" if kept and not kept.endswith(b"\n") else b"") + line)
            changed.append(f"Added one line to the end of {_short(place.start)}:\n    {line.decode().rstrip()}")
    if not changed:
        out.prose(f"Completion for {shell} is installed already.")
        return
    for each in changed:
        out.line(each)
    out.prose(f"Completion works in each new {shell}. Take this back with: fileorg {REMOVE} {shell}")


def _remove(shell: str, out: Out) -> None:
    place = _place(shell)
    changed = []
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place.script)
        changed.append(f"Removed {_short(place.script)}.")
    if place.start is not None:
        before = _read(place.start)
        if _replace(place.start, _without_line(before), before):
            changed.append(f"Removed the line from {_short(place.start)}.")
    for each in changed or [f"Completion for {shell} is not installed."]:
        out.line(each)


def _place(shell: str) -> _Place:
    from fileorg.core.state import base_folder  # this module is loaded for --help, too

    data = os.fsdecode(base_folder(b"XDG_DATA_HOME", b"~/.local/share").rstrip(b"/"))
    if shell == BASH:
        # bash-completion, where it is used, finds the script here too.
        return _Place(f"{data}/bash-completion/completions/fileorg", f"{_home()}/.bashrc")
    if shell == ZSH:
        return _Place(f"{data}/zsh/site-functions/_fileorg", f"{_folder_of_zsh()}/.zshrc")
    settings = os.fsdecode(base_folder(b"XDG_CONFIG_HOME", b"~/.config").rstrip(b"/"))
    return _Place(f"{settings}/fish/completions/fileorg.fish", None)


def _home() -> str:
    return os.path.expanduser("~")


def _folder_of_zsh() -> str:
    """Return the folder of `.zshrc`. Many set ZDOTDIR in `.zshenv`, and do not export it, so zsh is asked."""
    import subprocess

    ask = "print -rn -- $ZDOTDIR"
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run(["zsh", "-c", ask], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=True)
        if ran.stdout.startswith(b"/"):
            return os.fsdecode(ran.stdout)
    return os.environ.get("ZDOTDIR") or _home()


def _short(path: str) -> str:
    """Return a path as a shell word, with `~` for the home directory."""
    home = _home() + "/"
    return "~/" + shlex.quote(path.removeprefix(home)) if path.startswith(home) else shlex.quote(path)


def _without_line(text: bytes) -> bytes:
    return b"".join(line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(_MARK.encode()))


def _read(path: str) -> bytes:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return b""


def _replace(path: str, content: bytes, before: bytes | None = None) -> bool:
    """Write a file as a whole, with the mode of the file that is there, through a symlink to the file that it names.

    Return whether it changed.
    """
    if content == (_read(path) if before is None else before):
        return False
    path = os.path.realpath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.fileorg-{os.getpid()}.part"
    try:
        with open(part, "xb") as file:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(file.fileno(), os.stat(path).st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    return True
