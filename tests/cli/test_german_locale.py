"""Rules where the system speaks German: names of months only if the configuration asks for them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a German locale, made for these tests."""
    compiler, folder = shutil.which("localedef"), tmp_path_factory.mktemp("locales")
    if compiler is None:
        pytest.skip("no localedef here")
    made = subprocess.run(
        [compiler, "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("no sources of the German locale here")
    return folder


@pytest.mark.parametrize(("settings", "month"), [("", "March"), ('[settings]\nlocale = "de_DE.UTF-8"\n', "März")])
def test_months(fileorg: Fileorg, tree: Tree, tmp_path: Path, german: Path, settings: str, month: str) -> None:
    tree.write({"Ärger.PDF": "1", "b.pdf": "2"})
    tree.date("Ärger.PDF", "2023-03-05")
    tree.date("b.pdf", "2023-03-31")
    rules = '[[rule]]\nwhen = { name = "ä*" }\nto = "Ä/{modified:%B}"\n[[rule]]\nto = "{modified:%B}/{name:1:upper}"\n'
    (tmp_path / "own.toml").write_text(f"version = 1\n{settings}{rules}", encoding="utf-8")
    ran = fileorg(
        "organize", "tree", "-y", "--config", "own.toml", LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8", LOCPATH=str(german)
    )
    assert ran.code == 0, ran.err
    assert tree.read() == {f"Ä/{month}/Ärger.PDF": "1", f"{month}/B/b.pdf": "2"}
