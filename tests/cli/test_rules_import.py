"""`fileorg rules import`: the rules of organize as a new file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg

TEXT = """\
rules:
  - name: pdf
    locations: ~/In
    filters: [extension: pdf]
    actions: [move: ~/In/PDF/]
  - name: print
    actions: [shell: lpr]
"""


def test_rules_of_organize_become_a_configuration(fileorg: Fileorg) -> None:
    (fileorg.folder / "config.yaml").write_text(TEXT)
    ran = fileorg.inside("rules", "import", "config.yaml", "-o", "new.toml")
    assert ran.code == 1
    assert "print: left out, because the action shell has no counterpart" in ran.err
    assert fileorg.inside("rules", "--config", "new.toml").out.startswith("  1. pdf: move to PDF")
    again = fileorg.inside("rules", "import", "config.yaml", "-o", "new.toml")
    assert again.code == 5
    assert fileorg.inside("rules", "import").code == 2
    assert fileorg.inside("rules", "import", "none.yaml").code == 2
    assert fileorg.inside("rules", "check", "config.yaml").code == 2
