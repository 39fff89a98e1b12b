"""Units of systemd, launchd's plist and the line for cron: what they say, and that systemd accepts them."""

from __future__ import annotations

import os
import plistlib
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from tests.jobs.watching import Watching, wait_for
from tests.support import wall

from fileorg.cli.commands.watch import watch
from fileorg.cli.service_view import service_of
from fileorg.core.errors import FileorgError, UsageError
from fileorg.core.state import open_state
from fileorg.jobs import install
from fileorg.jobs.install import Service
from fileorg.jobs.service_manager import ServiceManager
from fileorg.rules.filters import Filters
from fileorg.workflows.organize import OrganizeOptions, OrganizeRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from tests.cli.screens import Fileorg, Ran
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.model import Outcome

WATCH = Service(
    ["/usr/bin/python3", "-m", "fileorg", "watch", "--", '/data/100% "new" $HOME'],
    [b'/data/100% "new" $HOME'],
    [b'/data/100% "new" $HOME', b"/home/you/.local/state/fileorg"],
)


def test_the_unit_of_a_watch() -> None:
    (unit,) = install.unit_files(WATCH)
    assert unit.name.startswith("fileorg-watch-100-new-HOME-")
    lines = unit.text.splitlines()
    assert lines[0] == "# Written by fileorg. Remove it with: fileorg watch --uninstall"
    assert 'ExecStart="/usr/bin/python3" "-m" "fileorg" "watch" "--" "/data/100%% \\"new\\" $$HOME"' in lines
    assert 'ReadWritePaths="-/data/100%% \\"new\\" $HOME" "-/home/you/.local/state/fileorg"' in lines
    assert "RestartPreventExitStatus=5" in lines  # a missing folder, exit code 2, may be on a disk to come
    for line in ("Type=notify", "Restart=on-failure", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes"):
        assert line in lines


def test_a_unit_is_found_by_its_folders_in_any_order() -> None:
    assert Service([], [b"/b", b"/a"], []).name == Service([], [b"/a", b"/b"], []).name


def test_the_units_of_a_timer() -> None:
    timer = WATCH._replace(schedule="03:30")
    service, units = install.unit_files(timer)
    assert (service.name.rpartition(".")[2], units.name.rpartition(".")[2]) == ("service", "timer")
    assert "OnCalendar=*-*-* 03:30:00" in units.text.splitlines()
    assert "Type=oneshot" in service.text.splitlines()
    line = install.cron_line(timer)
    assert line.startswith("30 3 * * *  /usr/bin/python3 -m fileorg watch --quiet -- '/data/100\\% ")
    assert plistlib.loads(install.launchd_plist(timer).encode())["StartCalendarInterval"] == {"Hour": 3, "Minute": 30}
    assert install.cron_line(WATCH).startswith("@reboot  ")
    is_quiet = WATCH._replace(command=["/usr/bin/python3", "-m", "fileorg", "watch", "-q"])
    assert install.cron_line(is_quiet) == "@reboot  /usr/bin/python3 -m fileorg watch -q"
    assert plistlib.loads(install.launchd_plist(WATCH).encode())["KeepAlive"] == {"SuccessfulExit": False}
    with pytest.raises(UsageError, match="is not a valid schedule"):
        install.checked_schedule("25:00")
    with pytest.raises(UsageError, match="cannot hold the name"):
        install.unit_files(WATCH._replace(command=["a\nb"]))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    real = WATCH._replace(command=[sys.executable, *WATCH.command[1:]])
    for service in (real, real._replace(schedule="daily")):
        for file in install.unit_files(service):
            (tmp_path / file.name).write_text(file.text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        check=False,
        text=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if "fileorg" in line]) == (0, []), ran.stderr


def test_what_is_written_is_taken_away_exactly(
    tree: Tree, fileorg: Fileorg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real `systemctl` has no session here, which is reported; the files are written and removed all the same."""
    units = tmp_path / "config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "fileorg-watch-other.service").write_text("# another one's\n")
    before = sorted(os.listdir(units))
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    (fake / "systemctl").chmod(0o755)
    monkeypatch.setattr("sys.argv", ["fileorg", "watch", "tree", "--install", "--settle", "20s", "--exclude=*.iso"])
    given = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": f"{fake}:{os.environ['PATH']}"}
    ran = fileorg.inside("watch", "tree", "--install", "--settle", "20s", "--exclude=*.iso", **given)
    assert (ran.code, ran.err) == (0, ""), ran.err
    (name,) = set(os.listdir(units)) - set(before)
    text = (units / name).read_text()
    assert text in ran.out
    assert f'"--settle=20s" "--exclude=*.iso" "--" "{tree.root}"' in text
    assert f'ReadWritePaths="-{tree.root}" "-{fileorg.home}"' in text
    assert name in fileorg.inside("watch", "--status", **given).out
    assert (tmp_path / "calls").read_text().splitlines() == [
        "--user daemon-reload", f"--user enable {name}", f"--user restart {name}",
    ]  # fmt: skip
    ran = fileorg.inside("watch", "--uninstall", "tree", **given)
    assert (ran.code, sorted(os.listdir(units))) == (0, before)
    assert fileorg.inside("watch", "--uninstall", **given).out == "No unit of fileorg is installed.\n"


@pytest.mark.skipif(not wall.can_be_raised(), reason=wall.NOT_TESTED)
def test_the_command_of_the_unit_in_its_environment(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    """The environment that `systemd --user` gives; the kernel refuses each change that the unit does not allow."""
    fileorg.home.mkdir(mode=0o700)
    temporary = tmp_path / "private"
    temporary.mkdir()
    state = open_state(os.fsencode(fileorg.home))
    service = service_of(
        cast("FunctionType", watch),
        ["tree", "--settle", "0.2s"],
        [OrganizeOptions(root=os.fsencode(tree.root), filters=Filters())],
        state,
    )
    command = [word.replace(os.path.abspath("tree"), str(tree.root)) for word in service.command]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "USER": "you", "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(tmp_path), "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000000",
        "INVOCATION_ID": "0" * 32, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": fileorg.environment()["PYTHONPATH"],
    }  # fmt: skip
    places = [*map(os.fsdecode, service.changes), str(temporary), "/dev/null"]
    program = f"import os, sys; from tests.support.wall import raise_wall; raise_wall({places!r})"
    program += "; os.execv(sys.argv[1], sys.argv[1:])"
    given = environment | {"PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"], os.getcwd()])}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-c", program, *command], env=given, cwd="/", stdin=subprocess.DEVNULL
        )
        try:
            while not listener.recv(4096).startswith(b"READY=1"):
                pass
            tree.write({"a.jpg": "one"})
            wait_for(lambda: set(tree.read()) == {"Images/a.jpg"}, "the move")
        finally:
            process.terminate()
            assert process.wait(60) == 0


def test_a_timer_for_organize(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, systemd: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = systemd
    words = ["organize", "-r", "tree", "--install-timer", "daily", "--by=date"]
    monkeypatch.setattr("sys.argv", ["fileorg", *words])
    ran = fileorg.inside(*words, **given)
    assert (ran.code, ran.err) == (0, ""), ran.err
    units = tmp_path / "config" / "systemd" / "user"
    timer, service = sorted(units.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert "OnCalendar=daily" in timer.read_text().splitlines()
    assert f'"--once" "--quiet" "-r" "--by=date" "--" "{tree.root}"\n' in service.read_text()
    assert fileorg.inside("watch", "--uninstall", "tree", **given).code == 0
    assert list(units.iterdir()) == []
    for words, said in (
        (["organize", "tree", "--install-timer", "often"], "--install-timer often is not a valid schedule."),
        (
            ["organize", "tree", "--install-timer", "daily", "--stays"],
            "--stays and --install-timer cannot be combined.",
        ),
    ):
        monkeypatch.setattr("sys.argv", ["fileorg", *words])
        ran = fileorg.inside(*words, **given)
        assert (ran.code, said in ran.err) == (2, True), ran.err


@pytest.fixture
def systemd(tmp_path: Path) -> dict[str, str]:
    """An environment with a `systemctl` that accepts everything."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (fake / "systemctl").chmod(0o755)
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": f"{fake}:{os.environ['PATH']}"}


def units_of(environment: dict[str, str]) -> dict[str, str]:
    folder = Path(environment["XDG_CONFIG_HOME"], "systemd", "user")
    return {path.suffix: path.read_text() for path in folder.iterdir()} if folder.exists() else {}


def test_the_schedule_of_a_profile(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, systemd: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "fileorg.toml"
    config.write_text(f'version = 1\n[profile.mess]\nroot = "{tree.root}"\nschedule = "03:30"\n[profile.none]\n')

    def install_with(*words: str) -> Ran:
        given = ["organize", *words, f"--config={config}"]
        monkeypatch.setattr("sys.argv", ["fileorg", *given])
        return fileorg.inside(*given, **systemd)

    ran = install_with("--profile=mess", "--install-timer", "--time-limit=1h")
    assert ran.code == 0, ran.err
    assert "OnCalendar=*-*-* 03:30:00" in units_of(systemd)[".timer"]
    assert '"--profile=mess" "--time-limit=1h"' in units_of(systemd)[".service"]
    assert install_with("--install-timer", "daily", "--profile=mess").code == 0  # what is given wins
    assert "OnCalendar=daily" in units_of(systemd)[".timer"]
    assert '"--profile=mess"' in units_of(systemd)[".service"]
    assert "daily" not in units_of(systemd)[".service"].partition("ExecStart=")[2]
    ran = install_with("tree", "--profile=none", "--install-timer")
    assert (ran.code, "The profile none has no schedule." in ran.err) == (2, True), ran.err


def test_the_folders_of_rules_may_be_written(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, systemd: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, archive = tmp_path / "fileorg.toml", tmp_path / "archive"
    config.write_text(
        f'version = 1\n[[rule]]\nname = "bills"\nwhen = {{ ext = "pdf" }}\nto = "{archive}/{{modified.year}}"\n'
    )
    words = ["watch", "tree", "--install", "--yes", f"--config={config}"]
    monkeypatch.setattr("sys.argv", ["fileorg", *words])
    ran = fileorg.inside(*words, **systemd)
    assert (ran.code, "of the rule bills does not exist" in ran.err) == (2, True), ran.err
    assert units_of(systemd) == {}
    archive.mkdir()
    assert fileorg.inside(*words, **systemd).code == 0
    allowed = next(line for line in units_of(systemd)[".service"].splitlines() if line.startswith('ReadWritePaths="'))
    assert allowed.split()[:2] == [f'ReadWritePaths="-{tree.root}"', f'"-{archive}"']


def test_the_command_of_a_unit_means_what_was_written(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, systemd: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short options may be written together, and a service does not have the variables of a shell."""
    config = tmp_path / "named.toml"
    config.write_text("version = 1\n")
    words = ["watch", "tree", "--install", "-yrf", "json"]
    monkeypatch.setattr("sys.argv", ["fileorg", *words])
    assert fileorg.inside(*words, **systemd, FILEORG_CONFIG=str(config)).code == 0
    assert f'"--config={config}" "-r" "--format=json" "--" "{tree.root}"\n' in units_of(systemd)[".service"]
    words = ["watch", "tree", "--install", "-yfjson"]
    monkeypatch.setattr("sys.argv", ["fileorg", *words])
    assert fileorg.inside(*words, **systemd).code == 0
    assert f'"--state-dir={fileorg.home}" "--format=json" "--" "{tree.root}"\n' in units_of(systemd)[".service"]


def test_files_of_the_home_folder_are_no_modules_of_a_service(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('not the module')\n")
    service = service_of(
        cast("FunctionType", watch),
        ["--once", "--settle=0.1s", str(tree.root)],
        [OrganizeOptions(os.fsencode(tree.root), filters=Filters(recursive=False))],
        open_state(os.fsencode(fileorg.home)),
    )
    words = [*service.command[: service.command.index("--")], "--once", "--", str(tree.root)]
    ran = subprocess.run(words, cwd=tmp_path, env=fileorg.environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_units_are_written_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    service, timer = install.unit_files(WATCH._replace(schedule="daily"))
    folder = tmp_path / "systemd" / "user"
    folder.mkdir(parents=True)
    (folder / timer.name).write_text("# another one's\n")
    with pytest.raises(FileorgError, match="was not written by fileorg"):
        install.write_units([service, timer])
    assert os.listdir(folder) == [timer.name]


def test_a_folder_for_units_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "systemd").write_text("a file")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(FileorgError, match="Could not write the unit to"):
        install.write_units(install.unit_files(WATCH))


def test_the_service_manager_hears_that_it_is_ready_and_alive(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        environment = fileorg.environment() | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        words = [sys.executable, "-m", "fileorg", "watch", str(tree.root), "--settle", "0.1s"]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
        try:
            heard = [listener.recv(4096).decode() for _ in range(2)]
            tree.write({"a.jpg": "one"})
            while not any(text.startswith("READY=1") for text in heard) or heard[-1] != "WATCHDOG=1":
                heard.append(listener.recv(4096).decode())
        finally:
            process.terminate()
            assert process.wait(60) == 0
        while heard[-1] != "STOPPING=1":
            heard.append(listener.recv(4096).decode())
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ServiceManager().say("READY=1")  # without a service manager: nothing


def test_the_service_manager_hears_that_a_long_run_works(
    runs: Runs, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"film.mp4": "large"})
    run, heard = OrganizeRun.run, list[str]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")

        def slowly(organize: OrganizeRun, stop: Callable[[], bool]) -> Outcome:
            while sum(text == "WATCHDOG=1" for text in heard) < 20:
                heard.append(listener.recv(4096).decode())
            return run(organize, stop)

        monkeypatch.setattr(OrganizeRun, "run", slowly)
        with Watching(runs.state, tree.root) as watching:
            watching.wait_until_moved(1)
