"""Imports: no cycles, a command line that uses only the workflows, and contracts that detect a violation."""

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

FACE = ("fileorg.core", "fileorg.report", "fileorg.rules", "fileorg.workflows", "fileorg.jobs", "fileorg.cli")
"""Layers that a user interface may import: any other interface can then do the same."""
TYPES = {"Keep", "DedupeAction", "Leftover", "NotTaken", "RecordQuery", "Seen", "__version__"}
"""Types for requests and answers of a user interface: data of other layers, without behaviour."""

BREACHES = {
    "fileorg.core.figures": "rich",
    "fileorg.plan.placing": "sqlite3",
    "fileorg.scan.walk": "fileorg.plan.undo_plan",
    "fileorg.rules.template": "fileorg.storage.paths",
}


def _nodes(path: Path, *, for_checkers: bool = False) -> Iterator[ast.AST]:
    """Yield the syntax nodes of a file; those under `if TYPE_CHECKING` only with `for_checkers`."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        yield node
        if for_checkers or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            pending += ast.iter_child_nodes(node)


def _imports(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a file imports, at any place in it and for any purpose."""
    for node in _nodes(path, for_checkers=True):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            of_modules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            yield from of_modules or {node.module}


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter({module: set(_imports(path)) for module, path in MODULES.items()}).prepare()


def test_the_command_line_leaves_the_doing_to_the_workflows() -> None:
    found = []
    for module, path in MODULES.items():
        for node in _nodes(path) if module.startswith("fileorg.cli") else ():
            if isinstance(node, ast.ImportFrom) and node.module in MODULES and not node.module.startswith(FACE):
                found += [f"{module}: {alias.name}" for alias in node.names if alias.name not in TYPES]
    assert found == []


def test_contracts_notice_what_is_planted(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "fileorg", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).parents[1] / "pyproject.toml", tmp_path)
    for importer, imported in BREACHES.items():
        with open(tmp_path / f"{importer.replace('.', '/')}.py", "a") as file:
            file.write(f"\nimport {imported}\n")
    (tmp_path / "fileorg/loose").mkdir()
    (tmp_path / "fileorg/loose/__init__.py").touch()
    reported = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.returncode != 0
    for importer, imported in BREACHES.items():
        assert f"{importer} -> {imported}" in reported.stdout
    assert "fileorg.loose" in reported.stdout
