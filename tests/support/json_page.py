"""The shapes in docs/json.md, from the schemas: `python -m tests.support.json_page` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fileorg.report.schemas import DIALECT, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
_FROM_HERE = "<!-- made by tests/support/json_page.py from src/fileorg/report/schemas.py -->\n"


def page(before: str) -> str:
    """Return the page with the shapes of today."""
    return before.partition(_FROM_HERE)[0] + _FROM_HERE + "\n" + "\n".join(_shapes())


def _shapes() -> Iterator[str]:
    for name, (commands, schema) in SCHEMAS.items():
        yield f"### {name.capitalize()}\n\n{commands}.\n"
        if rows := list(_fields(schema, "")):
            yield "| field | type | |\n|---|---|---|"
            yield from rows
            yield ""
        whole = json.dumps({"$schema": DIALECT, "title": f"fileorg {name}"} | schema, separators=(",", ":"))
        yield f"<details><summary>JSON Schema</summary>\n\n```json\n{whole}\n```\n\n</details>\n"


def _fields(schema: dict[str, Any], above: str) -> Iterator[str]:
    """Yield the rows of a table: the fields of an object, and of the objects in it."""
    for each in schema.get("oneOf", ()):
        yield from _fields(each, above)
    required = schema.get("required", ())
    for key, field in schema.get("properties", {}).items():
        if key.endswith("_b64"):
            continue
        name = f"{above}{key}"
        about = [field.get("description", ""), "" if key in required else "not always there"]
        yield f"| `{name}` | {_type(field)} | {'; '.join(filter(None, about))} |"
        items = field.get("items", field)
        yield from _fields(items, f"{name}[]." if "items" in field else f"{name}.")


def _type(field: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        values = [str(value) for value in field["enum"]]
        return "one of " + ", ".join(values) if len(values) <= 12 else "a word"
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join("time" if field.get("format") == "date-time" and kind == "string" else kind for kind in kinds)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
