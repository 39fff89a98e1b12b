"""Facts about the machine that matter for speed, and none that identify it."""

import os
import platform
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path


def facts(work: Path) -> dict[str, str]:
    """Return name and value of each fact, in display order."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "file system": _file_system(work),
        "kernel": f"{platform.system()} {_numbers(platform.release())}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds `folder`, from the mount with the longest matching path."""
    best, kind = -1, "unknown"
    here = folder.resolve()
    for line in _lines("/proc/self/mounts"):
        _, point, its_kind, *_ = line.split()
        mount = Path(point.encode().decode("unicode_escape"))
        if here.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), its_kind
    return kind


def _numbers(release: str) -> str:
    found = re.match(r"[0-9.]+", release)
    return found.group().rstrip(".") if found else release


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
