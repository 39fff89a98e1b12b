"""Runs the installed units under a real `systemd --user`, as root: `python -m tests.watch.under_systemd`.

The manager works in mounts, processes and a `/run` of its own, so the machine need not have been started by systemd.
The unit of a watch must say that it is ready, move what arrives, come back after a kill, and stop with success; that of
a timer must move what is there, and end. Exit code 1 if not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fileorg

_PATIENCE_SECONDS = 120
_MANAGER = "/lib/systemd/systemd"
_APART = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--cgroup", "--propagation", "private")


def systemctl(*words: str) -> str:
    """Run `systemctl --user`; return what it prints. Raises `AssertionError` if it fails."""
    ran = subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (words, ran.stderr)
    return ran.stdout.strip()


def value(unit: str, name: str) -> str:
    return systemctl("show", unit, "-p", name, "--value")


def wait_for(unit: str, name: str, wanted: str) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while (now := value(unit, name)) != wanted:
        assert time.monotonic() < until, f"{unit}: {name} is {now}, not {wanted}: {value(unit, 'Result')}"
        time.sleep(0.2)


def arrives(tree: Path, name: str) -> None:
    (tree / name).write_text(name)
    until = time.monotonic() + _PATIENCE_SECONDS
    while not (tree / "Images" / name).exists():
        assert time.monotonic() < until, f"{name} was never moved"
        time.sleep(0.1)


def install(*words: str | Path) -> str:
    """Install a unit; return its name. Without a bus, the command cannot start it: exit code 0 or 1."""
    units = Path(os.environ["HOME"], ".config/systemd/user")
    before = set(units.glob("*.service"))
    ran = subprocess.run(
        [sys.executable, "-m", "fileorg", *words, "--yes"], capture_output=True, text=True, check=False
    )
    (unit,) = set(units.glob("*.service")) - before
    assert "Traceback" not in ran.stderr, ran.stderr
    systemctl("daemon-reload")
    return unit.name


def check(base: Path) -> None:
    """Run both units. The manager is there."""
    tree, other = base / "tree", base / "other"
    tree.mkdir()
    other.mkdir()
    unit = install("watch", "--install", tree, "--settle", "1s")
    systemctl("start", unit)
    assert (value(unit, "SubState"), value(unit, "StatusText")) == ("running", "waiting for files")
    print(f"{unit}: ready, and waits for files")
    arrives(tree, "one.jpg")
    print("moved what arrived")
    systemctl("kill", "--signal=KILL", unit)
    wait_for(unit, "NRestarts", "1")
    wait_for(unit, "SubState", "running")
    arrives(tree, "two.jpg")
    print("came back after a kill, and moved what arrived")
    systemctl("stop", unit)
    assert (value(unit, "ActiveState"), value(unit, "Result")) == ("inactive", "success")
    print("stopped with success")
    (other / "three.jpg").write_text("three")
    once = install("organize", other, "--install-timer", "daily")
    systemctl("start", once)
    wait_for(once, "ActiveState", "inactive")
    assert (value(once, "Result"), (other / "Images/three.jpg").exists()) == ("success", True)
    print(f"{once}: moved what was there, and ended with success")


def _inside(base: Path) -> None:
    """Start the manager and check, in mounts of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    runtime = Path("/run/user", str(os.getuid()))
    for folder in (Path("/run/systemd/system"), runtime):
        folder.mkdir(parents=True)
    runtime.chmod(0o700)
    os.environ |= {"XDG_RUNTIME_DIR": str(runtime), "HOME": str(base / "home"), "FILEORG_HOME": str(base / "state")}
    with subprocess.Popen([_MANAGER, "--user"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as manager:
        try:
            until = time.monotonic() + _PATIENCE_SECONDS
            while not (runtime / "systemd/private").exists():
                assert time.monotonic() < until, "systemd --user did not begin"
                time.sleep(0.1)
            check(base)
        finally:
            manager.terminate()


def main() -> int:
    if sys.argv[1:]:
        _inside(Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory(prefix="fileorg-systemd-") as base:
        (Path(base) / "home").mkdir()
        environment = os.environ | {"PYTHONPATH": str(Path(fileorg.__file__).parents[1])}
        words = [*_APART, sys.executable, "-m", "tests.watch.under_systemd", base]
        return subprocess.run(words, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
