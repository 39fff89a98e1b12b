"""One module per command, each with a function of the command's name."""

CHANGE, INSPECT, MORE = "Change files", "Inspect", "More"

COMMANDS = {
    "organize": CHANGE,
    "watch": CHANGE,
    "dedupe": CHANGE,
    "clean": CHANGE,
    "undo": CHANGE,
    "redo": CHANGE,
    "scan": INSPECT,
    "categorize": INSPECT,
    "explain": INSPECT,
    "report": INSPECT,
    "history": INSPECT,
    "files": INSPECT,
    "duplicates": INSPECT,
    "compare": INSPECT,
    "jobs": INSPECT,
    "recover": MORE,
    "purge": MORE,
    "categories": MORE,
    "rules": MORE,
    "demo": MORE,
}
"""The commands in the order of --help, with their panels."""
