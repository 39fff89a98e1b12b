"""I5, enforced by the kernel: the suites that change files, run again in a process confined to its own folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.support import wall

pytestmark = pytest.mark.skipif(not wall.can_be_raised(), reason=wall.NOT_TESTED)

_REPOSITORY = Path(__file__).parents[2]
_SUITES = (
    "tests/storage/test_local.py",
    "tests/storage/test_posix.py",
    "tests/storage/test_symlinks.py",
    "tests/execute/test_temporaries.py",
    "tests/commands/test_organize_keep_newer.py",
    "tests/commands/test_recovery_copies.py",
    "tests/commands/test_undo_actions.py",
)
_ALL = ("tests", "--ignore=tests/faults", "--ignore=tests/odd", "--ignore=tests/cli")
_BEHIND = """
import sys
from tests.support import wall
own, *arguments = sys.argv[1:]
wall.raise_wall([own, "/dev/null", "/dev/shm"])
import pytest
sys.exit(pytest.main(arguments))
"""


def behind_the_wall(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with one writable folder, and memory for tests that need another device."""
    with tempfile.TemporaryDirectory(prefix="fileorg-wall-") as own:
        Path(own).chmod(0o711)  # for commands that run as nobody
        own_options = ["-q", "-n0", "-pno:cacheprovider", "-m", "not slow and not root", f"--basetemp={own}/base"]
        command = [sys.executable, "-B", "-c", _BEHIND, own, *own_options, *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
        environment |= {"TMPDIR": own, "SQLITE_TMPDIR": own}
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=_REPOSITORY, env=environment)


def test_what_changes_files_changes_none_outside() -> None:
    finished = behind_the_wall(*_SUITES)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-1000:]


@pytest.mark.slow
def test_nor_does_any_other() -> None:
    finished = behind_the_wall(*_ALL)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-1000:]


def test_a_suite_that_writes_elsewhere_fails(tmp_path: Path) -> None:
    """Negative control: a similar test that writes a file beside its folder."""
    stray = tmp_path / "test_stray.py"
    stray.write_text(f"def test_stray():\n    open({str(tmp_path / 'stray')!r}, 'w').close()\n")
    finished = behind_the_wall("--rootdir", str(tmp_path), "-c", os.devnull, str(stray))
    assert finished.returncode == 1, finished.stdout
    assert "PermissionError" in finished.stdout
    assert not (tmp_path / "stray").exists()
