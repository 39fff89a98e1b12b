"""`--install`, `--install-timer` and `--uninstall` on the screen: what is written is shown before."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from fileorg.cli.parameters import PATHS, declared
from fileorg.cli.terminal import can_ask, standard_error, standard_output
from fileorg.core.errors import Exit, UsageError
from fileorg.core.names import display
from fileorg.jobs import install
from fileorg.workflows.guards import Allowed
from fileorg.workflows.rule_layout import folders_of_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FunctionType

    from fileorg.cli.options import OutputOptions
    from fileorg.cli.parameters import Declared
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.install import Service
    from fileorg.workflows.organize import OrganizeOptions

_NOT_KEPT = frozenset({"--install", "--uninstall", "--install-timer", "--yes", "-y", "--once", "--wait", "--state-dir"})


def service_words(command: FunctionType, words: Sequence[str]) -> list[str]:
    """Return the words of a command for a service, which starts in another folder: paths are absolute."""
    options, arguments = declared(command)
    takes_paths = any(each.parameter.details.get("metavar") in PATHS for each in arguments)
    kept: list[str] = []
    paths: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            paths += rest
        elif not word.startswith("-"):
            paths.append(word)
        else:
            for name, value in _options_in(word, rest, options):
                if name in _NOT_KEPT:
                    continue
                if value is not None and options[name].parameter.details.get("metavar") in PATHS:
                    value = os.path.abspath(os.path.expanduser(value))  # noqa: PLW2901
                kept.append(name if value is None else f"{name}={value}")
    return [*kept, "--", *(os.path.abspath(path) if takes_paths else path for path in paths)] if paths else kept


def _options_in(word: str, rest: Iterator[str], options: Mapping[str, Declared]) -> Iterator[tuple[str, str | None]]:
    """Yield the options of a word, such as `-rf`, with their values: one may be the next of `rest`. A name is the long
    one if the option has a value: `-f=json` would be another value.
    """
    name, equals, value = word.partition("=")
    if not word.startswith("--") and len(word) > 2:
        name, equals, value = word[:2], "=", word[2:]
    taken = options.get(name)
    if taken is None:
        yield word, None
    elif taken.kind is not bool:
        long = next((each for each in taken.parameter.names if each.startswith("--")), name)
        yield long, value if equals else next(rest, "")
    else:
        yield name, None
        if equals and not word.startswith("--"):
            yield from _options_in(f"-{value}", rest, options)


def service_of(
    command: FunctionType,
    words: Sequence[str],
    organize: Sequence[OrganizeOptions],
    state: StateDirectory,
    schedule: str = "",
) -> Service:
    """Return the service for the words of a command. It may write to the folders of `organize`, with those that its
    rules move files to. Raises `UsageError` for a folder of a rule that is missing.
    """
    roots, dest, configuration = [each.root for each in organize], organize[0].dest, organize[0].configuration
    found = service_words(command, words)
    if configuration is not None and configuration.path and not any(word.startswith("--config=") for word in found):
        path = os.path.abspath(configuration.path)
        if path != os.path.expanduser(b"~/.config/fileorg/fileorg.toml"):  # a variable that a service does not have
            found.insert(0, f"--config={os.fsdecode(path)}")
    once = ["--once", "--quiet"] if schedule else []
    own = [*roots, *([] if dest is None else [dest])]
    further = folders_of_rules(
        configuration, list(map(os.path.realpath, own)), state, Allowed(organize[0].inside_project)
    )
    # -P: it starts in the home folder, whose files must not be taken for modules.
    program = [sys.executable, "-P", "-m", "fileorg", "watch", f"--state-dir={os.fsdecode(state.path)}", *once]
    changes = [*own, *further, state.path]
    return install.Service([*program, *found], roots, changes, schedule)


def with_schedule(words: Sequence[str], schedule: str) -> list[str]:
    """Return the words, with the schedule of a profile at an `--install-timer` without one."""
    found = list(words)
    for position, word in enumerate(words):
        if word == "--":
            break
        if (
            word == "--install-timer"
            and schedule
            and not install.is_schedule("".join(words[position + 1 : position + 2]))
        ):
            found[position] = f"{word}={schedule}"
    return found


def _without_timer(words: Sequence[str]) -> list[str]:
    """Return the words without `--install-timer` and its value, which must not be taken for a folder."""
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*found, word, *rest]
        if word == "--install-timer":
            next(rest, "")
        elif not word.startswith("--install-timer="):
            found.append(word)
    return found


def install_timer_for(chosen: OrganizeOptions, options: OutputOptions, when: str, state: StateDirectory) -> Exit:
    """Install a timer for an `organize` command: it runs as `watch --once` does. Raises `FileorgError`."""
    from importlib import import_module

    from fileorg.cli.parameters import option_names
    from fileorg.jobs.watch_loop import checked_roots

    # Loaded as `app` does: the command itself knows the options of organize.
    watch = import_module("fileorg.cli.commands.watch").watch
    schedule = install.checked_schedule(when)
    given = _without_timer(with_schedule(sys.argv[2:], schedule))
    words = [word for word in given if word not in {"-q", "--quiet"}]
    known = option_names(watch).keys()
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("--") and name != "--" and name.lstrip("-").replace("-", "_") not in known:
            raise UsageError(f"{name} and --install-timer cannot be combined.", hint=f"drop {name}")
    (checked,) = checked_roots([chosen], state)
    service = service_of(watch, words, [checked], state, schedule)
    return show_and_install(service, yes=options.yes, quiet=options.quiet)


def show_and_install(service: Service, *, yes: bool, quiet: bool) -> Exit:
    """Print the units, ask, write and start them; without systemd, print what others need."""
    out = standard_output()
    files = install.unit_files(service)
    if not install.has_systemd():
        out.line("There is no systemd here. For launchd (~/Library/LaunchAgents):\n")
        out.line(install.launchd_plist(service))
        out.line("For cron (crontab -e):\n")
        out.line(install.cron_line(service))
        out.flush()
        return Exit.NO
    folder = install.unit_folder()
    if not quiet:
        for file in files:
            out.line(f"{display(os.path.join(folder, file.name))}:\n")
            out.line(file.text)
        out.line(f"Without systemd, the same for cron: {install.cron_line(service)}\n")
        out.flush()
    if not yes and can_ask(out) and not _agreed("Write this and start it? [y/N] "):
        out.line("Nothing was written.")
        return Exit.NO
    paths = install.write_units(files)
    trouble = install.start_units(paths)
    if trouble:
        err = standard_error()
        err.prose(f"The unit was written, but systemd did not start it ({display(trouble)}).", "fileorg: ")
        err.prose("log in, then: systemctl --user enable --now " + os.path.basename(paths[-1]), "Hint: ")
        err.flush()
        return Exit.SOME_FAILED
    if not quiet:
        out.line(f"Started {os.path.basename(paths[-1])}. Take it away with: fileorg watch --uninstall")
    out.flush()
    return Exit.DONE


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def show_and_uninstall(roots: Sequence[bytes], *, quiet: bool) -> Exit:
    """Stop and remove the units that fileorg has written."""
    out, paths = standard_output(), install.installed_units(roots)
    trouble = install.remove_units(paths) if paths else ""
    if not quiet:
        for path in paths:
            out.line(f"Removed {display(path)}.")
        if not paths:
            out.line("No unit of fileorg is installed for this." if roots else "No unit of fileorg is installed.")
    if trouble:
        err = standard_error()
        err.prose(f"systemd was not there to stop it ({display(trouble)}).", "fileorg: ")
        err.flush()
    out.flush()
    return Exit.DONE
