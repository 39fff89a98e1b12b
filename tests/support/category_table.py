"""The table in `rules/extensions.py`, from `rules/categories.toml`: `python -m tests.support.category_table`."""

from __future__ import annotations

import textwrap
import tomllib
from pathlib import Path

from fileorg.rules.config_check import normalized

MODULE = Path(__file__).parents[2] / "src" / "fileorg" / "rules" / "extensions.py"
SOURCE = MODULE.with_name("categories.toml")
_BEGIN = "# From categories.toml by `python -m tests.support.category_table`; a test compares the two.\n"
_END = "# End of the table.\n"


def listed() -> dict[str, list[bytes]]:
    """Return the extensions of each category in the source, in its order."""
    tables = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["categories"]
    return {name: [normalized(each) for each in table["extensions"]] for name, table in tables.items()}


def module(now: str) -> str:
    """Return the module with the table of the source."""
    before, _, rest = now.partition(_BEGIN)
    after = rest.partition(_END)[2]
    lines = ["CATEGORIES: MappingProxyType[str, tuple[bytes, ...]] = MappingProxyType(", "    {"]
    for name, extensions in listed().items():
        words = " ".join(each.decode() for each in extensions)
        lines.append(f'        "{name}": _words("""')
        lines += textwrap.wrap(words, 112, break_long_words=False, break_on_hyphens=False, initial_indent=" " * 12,
                               subsequent_indent=" " * 12)  # fmt: skip
        lines.append('        """),')
    table = "\n".join([*lines, "        OTHER: (),", "    }", ")"])
    return f"{before}{_BEGIN}# fmt: off\n{table}\n# fmt: on\n{_END}{after}"


if __name__ == "__main__":
    MODULE.write_text(module(MODULE.read_text(encoding="utf-8")), encoding="utf-8")
