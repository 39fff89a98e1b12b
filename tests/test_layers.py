"""Who imports whom: no cycles, a command line that asks only the workflows, and contracts that notice a breach."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import fileorg

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(fileorg.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imports(path: Path, *, when_run: bool = False) -> Iterator[str]:
    """The modules of the package that a file imports, anywhere in it; without those for type checkers if `when_run`."""
    tree = ast.parse(path.read_text())
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if when_run and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            left_out.update(*map(ast.walk, node.body))
        if node not in left_out and isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif node not in left_out and isinstance(node, ast.ImportFrom) and node.module in MODULES:
            of_modules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            yield from of_modules or {node.module}


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter({module: set(imports(path)) for module, path in MODULES.items()}).prepare()


def test_contracts_notice_what_is_planted(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "fileorg", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PACKAGE.parents[1] / "pyproject.toml", tmp_path)
    for module, line in (
        ("core/figures", "import rich"),
        ("plan/placing", "import sqlite3"),
        ("scan/walk", "import fileorg.plan.undo"),
        ("rules/template", "import fileorg.storage.paths"),
    ):
        with open(tmp_path / f"fileorg/{module}.py", "a") as file:
            file.write(f"\n{line}\n")
    (tmp_path / "fileorg/loose").mkdir()
    (tmp_path / "fileorg/loose/__init__.py").touch()
    told = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(told.stdout, told.stderr)
    assert told.returncode != 0
    for importer, imported in (
        ("core.figures", "rich"),
        ("plan.placing", "sqlite3"),
        ("scan.walk", "fileorg.plan.undo"),
        ("rules.template", "fileorg.storage.paths"),
    ):
        assert f"fileorg.{importer} -> {imported}" in told.stdout
    assert "fileorg.loose" in told.stdout
