"""One module per command, each with a function of the command's name, with a _ after it if the name is taken: `import`
is a word of Python, `storage` a module of local files.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

CHANGE, INSPECT, MORE = "Change files", "Inspect", "More"

COMMANDS = {
    "organize": CHANGE,
    "watch": CHANGE,
    "dedupe": CHANGE,
    "clean": CHANGE,
    "import": CHANGE,
    "apply": CHANGE,
    "rename": CHANGE,
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
    "storage": MORE,
    "serve": MORE,
    "mcp": MORE,
    "demo": MORE,
}
"""The commands in the order of --help, with their panels."""


def module_of(name: str) -> ModuleType:
    """Return the module of a command."""
    return import_module(f"{__name__}.{_in_python(name)}")


def function_of(name: str) -> Any:
    """Return the function of a command."""
    return getattr(module_of(name), _in_python(name))


def _in_python(name: str) -> str:
    return f"{name}_" if name in {"import", "storage"} else name
