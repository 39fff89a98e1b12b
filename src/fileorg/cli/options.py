"""The options that commands share. They have the same names as in other tools."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import complete, values
from fileorg.cli.parameters import Option
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.model import By, LookInto
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.rules.config import Configuration
    from fileorg.rules.filters import Filters


class ProgressMode(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
    JSON = "json"


class ListFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class ListOrPageFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


RUN = "Run"
FILES = "Which files"
OUTPUT = "Output"
GENERAL = "General"

# Run ------------------------------------------------------------------------------------------------------------------

DryRun = Annotated[
    bool,
    Option(
        "-n", "--dry-run", help="Show what would change, with the final names. Change nothing.", rich_help_panel=RUN
    ),
]
Yes = Annotated[
    bool, Option("-y", "--yes", help="Do not ask. Without a terminal, fileorg never asks.", rich_help_panel=RUN)
]

MaxChanges = Annotated[
    int | None,
    Option("--max-changes", min=0, metavar="N", help="Refuse to change more than N files.", rich_help_panel=RUN),
]

AllowUnsafe = Annotated[
    bool,
    Option(
        "--allow-unsafe",
        help="Also change an object store that ignores conditions. Nobody else may write there meanwhile.",
        rich_help_panel=RUN,
    ),
]

SavePlan = Annotated[
    str | None,
    Option(
        "--save-plan",
        metavar="FILE",
        help="Write the plan to a new FILE, as lines of JSON, and change nothing: fileorg apply carries it out.",
        rich_help_panel=RUN,
    ),
]
Edit = Annotated[
    bool,
    Option(
        "--edit",
        help="Open the plan in $VISUAL or $EDITOR first, a line a file: change new paths, remove lines.",
        rich_help_panel=RUN,
    ),
]
Background = Annotated[
    bool,
    Option(
        "--background",
        help="Carry out the plan in the background: it goes on when the terminal is closed. fileorg jobs shows it.",
        rich_help_panel=RUN,
    ),
]
Hold = Annotated[
    bool,
    Option(
        "--hold",
        help="Keep the plan, and carry it out in the background after fileorg jobs approve.",
        rich_help_panel=RUN,
    ),
]
LogFormat = Annotated[
    Format | None,
    Option(
        "--log-format",
        help="With --background and --hold: the form of the log of the job, which fileorg jobs log prints.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
TimeLimit = Annotated[
    str | None,
    Option(
        "--time-limit",
        metavar="TIME",
        help="Stop after the batch in which TIME (90s, 1h) is over, and park the job: fileorg jobs resume continues.",
        rich_help_panel=RUN,
    ),
]
KillAfter = Annotated[
    str | None,
    Option(
        "--kill-after",
        metavar="TIME",
        help="End all processes of the run once TIME is over. The next command recovers the files in progress.",
        rich_help_panel=RUN,
    ),
]
HelperMemory = Annotated[
    str | None,
    Option(
        "--helper-memory",
        metavar="SIZE",
        help="Limit the memory (address space) of each helper process: 512M, 2G.",
        rich_help_panel=RUN,
    ),
]
Attempts = Annotated[
    str | None,
    Option(
        "--attempts",
        metavar="N",
        help="With --background: try the job N times if files fail by errors that may pass. Default: 3.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Parallel = Annotated[
    str | None,
    Option(
        "--parallel",
        metavar="N",
        help="Begin only if fewer than N other runs work, in other folders. Default: 2.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Wait = Annotated[
    str | None,
    Option(
        "--wait",
        metavar="[TIME]",
        help="If another fileorg works there, wait for it, for at most TIME (30s, 10min); without --wait, exit with 4.",
        rich_help_panel=RUN,
    ),
]

InsideProject = Annotated[
    bool,
    Option(
        "--inside-project",
        help="Allow a folder inside a project, a checkout, a bundle, a library or a settings folder. Folders kept whole"
        " below it stay whole.",
        rich_help_panel=RUN,
    ),
]

# Which files ----------------------------------------------------------------------------------------------------------

Recursive = Annotated[
    bool,
    Option(
        "-r",
        "--recursive",
        help="Include subfolders. Projects, bundles, libraries and hidden folders are still kept whole.",
        rich_help_panel=FILES,
    ),
]
MaxDepth = Annotated[
    int | None,
    Option(
        "--max-depth",
        min=0,
        metavar="N",
        help="Go at most N folders deep; 0 means the folder itself.",
        rich_help_panel=FILES,
    ),
]
Include = Annotated[
    list[str] | None,
    Option(
        "--include",
        metavar="PATTERN",
        help="Only files matching PATTERN (gitignore syntax). May be repeated.",
        rich_help_panel=FILES,
    ),
]
Exclude = Annotated[
    list[str] | None,
    Option(
        "--exclude",
        metavar="PATTERN",
        help="Skip files matching PATTERN (gitignore syntax). May be repeated.",
        rich_help_panel=FILES,
    ),
]
Hidden = Annotated[
    bool,
    Option("--hidden", help="Include hidden files and folders (names that start with a dot).", rich_help_panel=FILES),
]
AllFiles = Annotated[
    bool,
    Option(
        "--everything",
        help="Include what fileorg skips by default: hidden files, projects and other folders kept whole, version"
        " control, system files, unfinished downloads.",
        rich_help_panel=FILES,
    ),
]
OneFileSystem = Annotated[
    bool, Option("--one-file-system", help="Do not enter other file systems mounted below.", rich_help_panel=FILES)
]
MinSize = Annotated[
    str | None,
    Option(
        "--min-size", metavar="SIZE", help="Only files of at least SIZE: 512, 10K, 1.5M, 2G.", rich_help_panel=FILES
    ),
]
MaxSize = Annotated[
    str | None, Option("--max-size", metavar="SIZE", help="Only files of at most SIZE.", rich_help_panel=FILES)
]
NewerThan = Annotated[
    str | None,
    Option(
        "--newer-than",
        metavar="TIME",
        help="Only files modified after TIME: 30s, 10min, 12h, 7d, 2w, 6mo (months) or 1y ago, or a date such as"
        " 2024-05-01. m is minutes.",
        rich_help_panel=FILES,
    ),
]
OlderThan = Annotated[
    str | None,
    Option(
        "--older-than",
        metavar="TIME",
        help="Only files modified before TIME, which is written as for --newer-than.",
        rich_help_panel=FILES,
    ),
]
Category = Annotated[
    list[str] | None,
    Option(
        "--category",
        metavar="CATEGORY",
        help="Only files of this category. May be repeated.",
        complete=complete.categories,
        rich_help_panel=FILES,
    ),
]

# Output ---------------------------------------------------------------------------------------------------------------

TextOrJson = Annotated[
    Format, Option("-f", "--format", help="Output format: text for people, or JSON.", rich_help_panel=OUTPUT)
]
TextJsonCsv = Annotated[
    ListFormat,
    Option("-f", "--format", help="Output format: text for people, JSON or CSV.", rich_help_panel=OUTPUT),
]
TextJsonCsvHtml = Annotated[
    ListOrPageFormat,
    Option(
        "-f",
        "--format",
        help="Output format: text for people, JSON, CSV, or an HTML page that needs no network.",
        rich_help_panel=OUTPUT,
    ),
]
NullPairs = Annotated[
    bool,
    Option(
        "-0",
        "--null",
        help="With -n: print source and target alternately, each terminated by NUL.",
        rich_help_panel=OUTPUT,
    ),
]
Output = Annotated[
    str | None,
    Option(
        "-o", "--output", metavar="FILE", help="Write to a new FILE instead of standard output.", rich_help_panel=OUTPUT
    ),
]
Force = Annotated[bool, Option("--force", help="With -o: replace FILE if it is there.", rich_help_panel=OUTPUT)]
Page = Annotated[int, Option("--page", min=1, metavar="N", help="Show page N.", rich_help_panel=OUTPUT)]
PageSize = Annotated[
    int,
    Option(
        "--page-size", min=1, max=10_000, metavar="N", help="Entries per page, at most 10000.", rich_help_panel=OUTPUT
    ),
]
ByContent = Annotated[
    bool,
    Option(
        "--by-content",
        help="Read every file: one whose extension does not fit its content gets the category of the content.",
        rich_help_panel=FILES,
    ),
]
ByName = Annotated[
    bool,
    Option(
        "--by-name",
        help="Read no file without an extension, or with an unknown one, to find its category.",
        rich_help_panel=FILES,
    ),
]
Timezone = Annotated[
    str | None,
    Option(
        "--timezone",
        metavar="ZONE",
        help="The time zone of dates of pictures and films that are in UTC, such as Europe/Berlin. Default: that of"
        " this computer.",
        rich_help_panel=FILES,
    ),
]
Exiftool = Annotated[
    bool,
    Option(
        "--exiftool",
        help="Also ask exiftool, which must be installed, for dates, sizes and titles: it knows more formats, and takes"
        " some 10 ms per file.",
        rich_help_panel=FILES,
    ),
]
Quiet = Annotated[bool, Option("-q", "--quiet", help="Print only errors.", rich_help_panel=OUTPUT)]
Stays = Annotated[
    bool,
    Option(
        "--stays",
        help="With -n, -v or l at the question: also list each file and folder left in place, and why.",
        rich_help_panel=OUTPUT,
    ),
]
Verbose = Annotated[bool, Option("-v", "--verbose", help="List every file.", rich_help_panel=OUTPUT)]
Progress = Annotated[
    ProgressMode,
    Option(
        "--progress",
        help="Show progress: auto (only in a terminal), always or never; json prints one JSON event per line on"
        " standard error.",
        rich_help_panel=OUTPUT,
    ),
]

# General --------------------------------------------------------------------------------------------------------------

StateDir = Annotated[
    str | None,
    Option(
        "--state-dir",
        metavar="DIR",
        envvar="FILEORG_HOME",
        show_envvar=True,
        help="Where fileorg keeps its journal.",
        rich_help_panel=GENERAL,
    ),
]


Config = Annotated[
    str | None,
    Option(
        "--config",
        metavar="FILE",
        envvar="FILEORG_CONFIG",
        show_envvar=True,
        help="The file with your categories, rules and profiles. Default: ~/.config/fileorg/fileorg.toml.",
        show_default=False,
        rich_help_panel=GENERAL,
    ),
]


ProfileOption = Annotated[
    str | None,
    Option(
        "--profile",
        metavar="NAME",
        help="Use the root, options and rules of [profile.NAME] in the configuration file. Options given here win.",
        show_default=False,
        complete=complete.profiles,
        rich_help_panel=GENERAL,
    ),
]


class OutputOptions(NamedTuple):
    """The output and confirmation options of a command that changes files."""

    dry_run: bool = False
    yes: bool = False
    format: Format = Format.TEXT
    output: str | None = None
    force: bool = False
    null: bool = False
    quiet: bool = False
    verbose: bool = False
    progress: ProgressMode = ProgressMode.AUTO
    background: bool = False
    hold: bool = False
    log_format: Format | None = None
    save_plan: str | None = None

    @property
    def changes(self) -> bool:
        """False if the run changes nothing: with --dry-run and with --save-plan."""
        return not self.dry_run and self.save_plan is None

    @property
    def is_text(self) -> bool:
        """True if the output is for people."""
        return self.format is Format.TEXT and not self.null


def roots_as_json(roots: Sequence[bytes]) -> dict[str, Any]:
    """Return the folders of an operation for JSON: `root` for one, `roots` for several."""
    from fileorg.core.formats import named

    return dict(named("root", roots[0])) if len(roots) == 1 else {"roots": [named("path", root) for root in roots]}


def need_dry_run(options: OutputOptions) -> None:
    """Raise `UsageError` for `-0` without `--dry-run`, or for `--dry-run` in the background."""
    later = "--hold" if options.hold else "--background"
    if options.save_plan is not None and (options.dry_run or options.background or options.hold):
        other = "--dry-run" if options.dry_run else later
        raise UsageError(f"--save-plan and {other} cannot be combined.", hint="drop one of them")
    if options.dry_run and (options.background or options.hold):
        raise UsageError(f"--dry-run and {later} cannot be combined.", hint="drop one of them")
    if options.log_format is not None and not (options.background or options.hold):
        raise UsageError(
            "--log-format requires --background or --hold.",
            hint="a run in the foreground has no log: drop --log-format",
        )
    if options.null and not options.dry_run:
        raise UsageError("-0 requires --dry-run.", hint="add -n, or drop -0")


def filters(
    *,
    recursive: bool = True,
    max_depth: int | None,
    include: Sequence[str] | None,
    exclude: Sequence[str] | None,
    hidden: bool,
    all_files: bool = False,
    one_file_system: bool,
    min_size: str | None,
    max_size: str | None,
    newer_than: str | None,
    older_than: str | None,
) -> "Filters":
    """Return the filters of the options under `FILES`. Raises `UsageError`."""
    from fileorg.rules.filters import Filters

    if max_depth is not None and not recursive:
        raise UsageError("--max-depth requires -r.", hint="add -r, or drop --max-depth")
    smallest = None if min_size is None else values.size("--min-size", min_size)
    largest = None if max_size is None else values.size("--max-size", max_size)
    if smallest is not None and largest is not None and smallest > largest:
        raise UsageError(
            f"--min-size {min_size} is larger than --max-size {max_size}: no file matches both.",
            hint="swap the two sizes, or drop one",
        )
    newer = None if newer_than is None else values.moment("--newer-than", newer_than)
    older = None if older_than is None else values.moment("--older-than", older_than)
    if newer is not None and older is not None and newer.ns > older.ns:
        raise UsageError(
            f"--newer-than {newer_than} is later than --older-than {older_than}: no file matches both.",
            hint="for the files in between, write for example: --newer-than 30d --older-than 7d",
        )
    return Filters(
        recursive=recursive,
        max_depth=max_depth,
        include=include or (),
        exclude=exclude or (),
        hidden=hidden,
        all_files=all_files,
        one_file_system=one_file_system,
        min_size=smallest,
        max_size=largest,
        newer_than_ns=newer and newer.ns,
        older_than_ns=older and older.ns,
        newer_than_age=newer.age if newer else "",
        older_than_age=older.age if older else "",
    )


def say_if_edited(configuration: "Configuration | None", screen: "Reporter") -> None:
    """Say that the configuration is not what was read, if it was edited during the run."""
    if configuration is None:
        return
    from fileorg.core.names import display
    from fileorg.rules.config_file import has_changed

    if has_changed(configuration):
        screen.note(f"{display(configuration.path)} was edited during the run, which used the content from before.")


def state(path: str | None, *, dry_run: bool = False) -> "StateDirectory":
    """Return the state directory of `--state-dir`, of FILEORG_HOME, or the default; for a `dry_run`, as
    `state_to_read` does. Raises `StateError`.
    """
    import os

    if dry_run:
        return state_to_read(path)

    from fileorg.core.state import open_state

    return open_state(None if path is None else os.fsencode(path))


def state_to_read(path: str | None) -> "StateDirectory":
    """Return the state directory, which may be missing, for a command that does not write it. Raises `StateError`."""
    import os

    from fileorg.core.state import find_state

    return find_state(None if path is None else os.fsencode(path))


def state_for_cache(path: str | None) -> "StateDirectory":
    """Return the state directory, which need not be writable, for a command that keeps an index there if it can.

    Raises `StateError`.
    """
    import os

    from fileorg.core import state

    return state.state_for_cache(None if path is None else os.fsencode(path))


def look_into(*, by_content: bool, by_name: bool) -> LookInto:
    """Return which files are read for their category. Raises `UsageError` if both options were given."""
    if by_content and by_name:
        raise UsageError("--by-content and --by-name cannot be combined.", hint="drop one of them")
    return LookInto.ALL if by_content else LookInto.NONE if by_name else LookInto.UNKNOWN


def timezone_of_run(
    name: str | None, by: By | None, template: str | None, configuration: "Configuration | None"
) -> str:
    """Return the time zone of a run that may read dates: to sort by them, or for a template or a rule. Raises like
    `timezone`.
    """
    asks = name is not None and _asks_for(("taken", "named"), by, template, configuration)
    return timezone(name, is_by_date=asks)


def exiftool_of_run(
    by: By | None, template: str | None, configuration: "Configuration | None", *, is_given: bool
) -> bool:
    """Return whether a run asks exiftool. Raises `UsageError` if nothing that it reads is asked for."""
    if is_given and not _asks_for(("taken", "has", "meta", "pixels", "duration"), by, template, configuration):
        raise UsageError("--exiftool requires --by date.", hint="add --by date, or drop --exiftool")
    return is_given


def _asks_for(
    fields: Sequence[str], by: By | None, template: str | None, configuration: "Configuration | None"
) -> bool:
    """Return whether a run sorts by date, or one of the fields is in its template or rules."""
    import re

    texts = [template or "", *map(repr, () if configuration is None else configuration.rules)]
    return by is By.DATE or any(re.search(rf"\b(?:{'|'.join(fields)})\b", text) for text in texts)


def timezone(name: str | None, *, is_by_date: bool, option: str = "--by date") -> str:
    """Return the name of a time zone that this computer knows; empty for none. Raises `UsageError` for one that nothing
    asks for: `option` would.
    """
    if name is None:
        return ""
    if not is_by_date:
        raise UsageError(f"--timezone requires {option}.", hint=f"add {option}, or drop --timezone")
    from fileorg.core.names import display
    from fileorg.core.times import is_time_zone

    if not is_time_zone(name):
        raise UsageError(
            f"--timezone {display(name)} is not a time zone that this computer knows.",
            hint="write for example --timezone Europe/Berlin",
            code=ErrorCode.BAD_VALUE,
        )
    return name
