"""One module per command, each with a function of the command's name."""

SORT, LOOK, MORE = "Change files", "Inspect", "More"

COMMANDS = {
    "organize": SORT,
    "dedupe": SORT,
    "clean": SORT,
    "undo": SORT,
    "redo": SORT,
    "scan": LOOK,
    "categorize": LOOK,
    "explain": LOOK,
    "report": LOOK,
    "history": LOOK,
    "files": LOOK,
    "duplicates": LOOK,
    "recover": MORE,
    "purge": MORE,
    "demo": MORE,
}
"""The commands in the order of --help, with their panels."""
