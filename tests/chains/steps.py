"""Draws a chain: a tree, its place, and a sequence of steps. A chain is data, to be stored, shrunk and replayed."""

from __future__ import annotations

import random
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.chains.others import IGNORED, ODD_TIMES
from tests.chains.plans import SHAPES
from tests.chains.rule_files import RULE_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Step = dict[str, Any]
Chain = dict[str, Any]

MAX_COMMANDS = 12
_FOLDERS = ("root", "root", "root", "root/sub", "root/sub/deep", "root/b", "root/Images", "dest/Images", "dest/e")
_NAMES = (
    "a.jpg", "a.jpg", "a (2).jpg", "A.JPG", "b.txt", "c.tar.gz", "film.mkv", "film.srt", "x.qqq", "vault.pdf",
    "caf\xe9.png", "new\nline.png", ".hidden.txt", "song.mp3", "n" * 240 + ".mp3",
)  # fmt: skip
_SHARED = ("same same", "same same", "twice, and longer than that", "")
_PARTS = ("*.jpg", "a*", "*.mkv", "Images", "sub", "*/b.txt", "*.mp3", "*.txt")
_TO_DEST = ["organize", "-y", "ROOT", "-r", "--dest", "DEST"]
_LAYOUTS = ((), (), ("--by", "date"), ("--by", "extension"), ("--by", "category"))
_FILTERS = (
    (), (), (), (), (), (), ("--max-size", "10"), ("--min-size", "1"), ("--exclude", "*.mp3"), ("--include", "*.jpg"),
    ("--hidden",), ("-r", "--max-depth", "1"), ("--older-than", "2023-12-20"),
)  # fmt: skip


def draw(seed: str, *, has: Sequence[str] = ("ext4", "tmpfs"), about: str = "") -> Chain:
    """Return the chain of a seed, always the same one; `about` restricts it to one subject."""
    rng = random.Random(seed)
    about = about or rng.choices(list(ABOUT), [38, 22, 10, 10, 11, 9])[0]
    root, dest = _file_system(rng, has), _file_system(rng, has)
    while about in {"crashes", "programs"} and root == dest:
        dest = _file_system(rng, has)
    return {
        "seed": seed,
        "about": about,
        "root": root,
        "dest": dest,
        "state_inside": rng.random() < 0.06,
        "max_open": 256 if rng.random() < 0.05 else 0,
        "tree": _tree(rng),
        "steps": ABOUT[about](rng),
        "end": rng.choice(["newest first", "newest first", rng.randrange(1000)]),
    }


def _anything(rng: random.Random, *, calm: bool = False) -> list[Step]:
    """Draw commands, with acts of others between them and, unless `calm`, while they are halted."""
    steps: list[Step] = []
    for _ in range(rng.randint(2, MAX_COMMANDS)):
        was_killed = bool(steps) and "die_at" in steps[-1]
        if not calm and rng.random() < (0.7 if was_killed else 0.4):
            steps.append(_intervene(rng, _AFTER_A_KILL if was_killed else {**_INTERVENTIONS, **_BETWEEN}))
        steps.append(_command(rng, calm=calm))
    return steps


def _crashes(rng: random.Random) -> list[Step]:
    """Draw a kill of a cross-device move or its undo, then acts of others on the remains."""
    steps: list[Step] = []
    for _ in range(rng.randint(1, 3)):
        words = rng.choice([_TO_DEST, _TO_DEST, ["undo", "-y"], ["redo", "-y"]])
        steps.append({"do": "run", "words": words, "die_at": rng.randint(12, 70)})
        steps += [_intervene(rng, _AFTER_A_KILL) for _ in range(rng.randint(1, 2))]
        steps.append(_recover(rng) | {"do": "run"} if rng.random() < 0.7 else _command(rng, calm=True))
    return steps


def _programs(rng: random.Random) -> list[Step]:
    """Draw programs that have files open or mapped, and write while these are moved."""
    steps: list[Step] = []
    for _ in range(rng.randint(1, 3)):
        steps += [_intervene(rng, {"hold": 1}) | {"moved": False} for _ in range(rng.randint(1, 3))]
        move: Step = {"do": "run", "words": rng.choice([_TO_DEST, _TO_DEST, ["undo", "-y"]])}
        steps.append(
            move | {"halt_at": rng.randint(20, 160), "meanwhile": _intervene(rng, {"write_held": 3, "edit": 1})}
        )
        steps += [_intervene(rng, {"write_held": 1})] if rng.random() < 0.5 else []
    return steps


def _plans(rng: random.Random) -> list[Step]:
    """Draw plans that are saved or drawn, sometimes changes by others, and their apply, undo and redo."""
    steps: list[Step] = []
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.5:
            steps.append({"do": "run", **_save(rng)})
            steps += [_intervene(rng, _INTERVENTIONS)] if rng.random() < 0.25 else []
            steps.append(_with_fault(rng, {"do": "run", **_apply_saved(rng)}))
        else:
            steps.append(_with_fault(rng, {"do": "run", **_apply(rng)}))
        steps += [_command(rng, calm=True) for _ in range(rng.randint(0, 2))]
        steps.append(_with_fault(rng, {"do": "run", **_back(rng)}))
    return steps


def _jobs(rng: random.Random) -> list[Step]:
    """Draw runs that are killed, stopped or held, sometimes changes by others, and how their jobs go on."""
    steps: list[Step] = []
    for _ in range(rng.randint(1, 3)):
        begun: Step = {
            "do": "run",
            **rng.choice([_organize, _organize, _apply, _dedupe, _import, _copy_missing, _back])(rng),
        }
        begun["rows"] = rng.choice([0, 1, 3])
        match rng.randrange(8):
            case 0 | 1 | 2:
                begun["die_at"] = rng.randint(8, 70)
            case 3 | 4 | 5:
                begun |= {"halt_at": rng.randint(20, 160), "signal": rng.choice([signal.SIGINT, signal.SIGTERM])}
            case 6 if "part" not in begun:
                begun["words"] = [*begun["words"][:2], "--hold", *begun["words"][2:]]
            case 7 if "part" not in begun:
                tries = [] if begun["words"][0] == "import" else ["--attempts", "1"]
                begun["words"] = [*begun["words"][:2], "--background", *tries, *begun["words"][2:]]
                begun["job_dies_at"] = rng.choice([0, rng.randint(8, 60)])
        steps.append(begun)
        steps += [_intervene(rng, _INTERVENTIONS)] if rng.random() < 0.3 else []
        steps += [{"do": "run", **_go_on(rng)} for _ in range(rng.randint(1, 2))]
        steps += [_command(rng, calm=True)] if rng.random() < 0.5 else []
    return steps


def _file_system(rng: random.Random, has: Sequence[str]) -> str:
    return rng.choice([*has, "ext4", "tmpfs", "ext4"])


def _tree(rng: random.Random) -> list[Step]:
    made = list[Step]()
    for _ in range(rng.randint(3, 9)):
        file: Step = {"path": f"{rng.choice(_FOLDERS)}/{rng.choice(_NAMES)}"}
        file["content"] = rng.choice(_SHARED) if rng.random() < 0.45 else None
        for key, chance in (("linked", 0.1), ("tagged", 0.1), ("flagged", 0.05), ("private", 0.1), ("owned", 0.05)):
            if rng.random() < chance:
                file[key] = f"{rng.choice(_FOLDERS)}/{rng.choice(_NAMES)}" if key == "linked" else True
        if rng.random() < 0.03:
            file["seconds"] = rng.choice(ODD_TIMES)
        made.append(file)
    for chance, folder in ((0.2, "root/nothing/in it"), (0.1, "root/sub/hollow")):
        if rng.random() < chance:
            made.append({"path": folder, "folder": True})
    if rng.random() < 0.05:
        made.append({"path": "root/old", "folder": True, "seconds": rng.choice(ODD_TIMES)})
    return made


# Commands of fileorg ------------------------------------------------------------------------------------------------


def _command(rng: random.Random, *, calm: bool) -> Step:
    kind = rng.choices(list(_COMMANDS), [weight for weight, _ in _COMMANDS.values()])[0]
    step: Step = {"do": "run", **_COMMANDS[kind][1](rng)}
    return _with_fault(rng, step, calm=calm)


def _with_fault(rng: random.Random, step: Step, *, calm: bool = True) -> Step:
    """Return the step, killed or, unless `calm`, halted now and then."""
    chance = rng.random()
    if chance < 0.18:
        step["die_at"] = rng.randint(1, 60)
    elif chance < 0.28 and not calm:
        step["halt_at"] = rng.randint(1, 120)
        step["meanwhile"] = _intervene(rng, {**_INTERVENTIONS, **_AT_A_HALT})
    if rng.random() < 0.25:
        step["rows"] = rng.choice([1, 3])
    if rng.random() < 0.06:
        step["state"] = 1
    return step


def _organize(rng: random.Random) -> Step:
    words = ["organize", "-y", "ROOT"]
    words += ["--dest", rng.choice(["DEST", "DEST", "ROOT/sorted", "DEST/new"])] if rng.random() < 0.35 else []
    words += ["-r"] if rng.random() < 0.6 else []
    words += [*rng.choice(_LAYOUTS), *rng.choice(_FILTERS)]
    words += ["--config", f"RULES/{rng.randrange(len(RULE_FILES))}.toml"] if rng.random() < 0.2 else []
    words += ["--action", rng.choice(["copy", "copy", "hardlink", "symlink"])] if rng.random() < 0.25 else []
    words += ["--on-conflict", rng.choice(["skip", "keep-newer", "keep-newer", "fail"])] if rng.random() < 0.3 else []
    if "-r" in words and "--action" not in words and rng.random() < 0.3:
        words.append("--remove-empty")
    return {"words": words}


def _dedupe(rng: random.Random) -> Step:
    action = rng.choice(["quarantine", "quarantine", "hardlink", "symlink", "reflink"])
    roots = rng.choice([["ROOT"], ["ROOT", "DEST"], ["ROOT", "--reference", "DEST"]])
    words = ["dedupe", "-y", "--action", action, *roots]
    words += ["--keep", rng.choice(["newest", "oldest", "longest-path", "first"])] if rng.random() < 0.3 else []
    return {"words": words}


def _clean(rng: random.Random) -> Step:
    return {"words": ["clean", "-y", "ROOT", *rng.choice([[], [], [], ["--empty-files"], ["--empty-folders"]])]}


def _back(rng: random.Random) -> Step:
    words = [rng.choice(["undo", "undo", "undo", "redo"]), "-y"]
    words += ["--include-changed"] if rng.random() < 0.1 else []
    if rng.random() < 0.06:
        return {"words": [*words, "--job"], "job": rng.randrange(12), "job_states": []}
    words += ["--rename"] if rng.random() < 0.1 and words[0] == "undo" else []
    step = {"words": words, "number": rng.randrange(12) if rng.random() < 0.45 else None}
    if step["number"] is not None and rng.random() < 0.4:
        words += ["--later", rng.choice(["first", "leave"])]
        step["part"] = rng.sample(_PARTS, rng.randint(1, 2))
    return step


def _recover(_: random.Random) -> Step:
    return {"words": ["recover"]}


def _purge(rng: random.Random) -> Step:
    return {"words": ["purge", "-y"], "number": rng.randrange(12) if rng.random() < 0.2 else None}


def _view(rng: random.Random) -> Step:
    views = (
        ["scan", "ROOT"], ["history"], ["organize", "-n", "-r", "ROOT"], ["dedupe", "ROOT"], ["jobs"],
        ["compare", "ROOT", "DEST"], ["compare", "DEST", "ROOT"],
    )  # fmt: skip
    return {"words": rng.choice(views)}


def _apply(rng: random.Random) -> Step:
    """Draw a plan of the files that exist when the step is taken."""
    in_both = rng.random() < 0.3
    words = ["apply", "-y", "--root", "ROOT", *(["--root", "DEST"] if in_both else [])]
    words += ["--everything"] if rng.random() < 0.6 else []
    words += ["--partial"] if rng.random() < 0.25 else []
    plan = {
        "shape": rng.choice(SHAPES), "which": rng.randrange(120), "count": rng.randint(1, 4), "in_both": in_both,
        "has_sizes": rng.random() < 0.4,
    }  # fmt: skip
    return {"words": words, "plan": plan}


def _save(rng: random.Random) -> Step:
    """Draw a command that saves its plan, and changes nothing."""
    draw_one = rng.choice([_organize, _organize, _organize, _dedupe, _clean, _copy_missing])
    words = [word for word in draw_one(rng)["words"] if word != "-y"]
    if words[0] == "dedupe":  # no row can say that a link replaces a file
        words[words.index("--action") + 1] = "quarantine"
    return {"words": [*words, "--force", "--save-plan", f"PLANS/saved-{rng.randrange(3)}.jsonl"]}


def _apply_saved(rng: random.Random) -> Step:
    words = ["apply", "-y", "--root", "ROOT", "--root", "DEST", *(["--partial"] if rng.random() < 0.3 else [])]
    return {"words": words, "saved": rng.randrange(3)}


def _import(rng: random.Random) -> Step:
    words = [
        "import",
        "-y",
        *rng.choice((["DEST", "--dest", "ROOT/imported"], ["ROOT", "--dest", "DEST"], ["DEST", "--dest", "ROOT"])),
    ]
    words += ["--by", rng.choice(["date", "extension"])] if rng.random() < 0.4 else []
    words += ["--force", "--certificate", "PLANS/certificate.json"] if rng.random() < 0.6 else []
    return {"words": words}


def _copy_missing(rng: random.Random) -> Step:
    old, new = rng.choice([("ROOT", "DEST"), ("DEST", "ROOT")])
    return {"words": ["compare", "-y", old, new, "--action", "copy", "--dest", f"{new}/rescued"]}


def _go_on(rng: random.Random) -> Step:
    action, *states = rng.choices(
        [
            ("resume", "interrupted", "failed", "cancelled", "running", "queued"),
            ("approve", "waiting"),
            ("cancel", "waiting"),
        ],
        [8, 2, 1],
    )[0]
    step: Step = {"words": ["jobs", action], "job": rng.randrange(12), "job_states": states}
    if action == "approve":
        step["job_dies_at"] = rng.choice([0, 0, rng.randint(8, 60)])
    elif rng.random() < 0.2:
        step["die_at"] = rng.randint(8, 70)
    return step


_COMMANDS: dict[str, tuple[int, Callable[[random.Random], Step]]] = {
    "organize": (34, _organize),
    "dedupe": (12, _dedupe),
    "clean": (5, _clean),
    "back": (34, _back),
    "recover": (5, _recover),
    "purge": (4, _purge),
    "view": (4, _view),
    "apply": (8, _apply),
    "save": (3, _save),
    "apply saved": (3, _apply_saved),
    "import": (3, _import),
    "copy missing": (3, _copy_missing),
    "job": (3, _go_on),
}

# Acts of others -----------------------------------------------------------------------------------------------------


def _intervene(rng: random.Random, interventions: dict[str, int]) -> Step:
    kind = rng.choices(list(interventions), list(interventions.values()))[0]
    step: Step = {"do": "act", "act": kind, "which": rng.randrange(40)}
    step |= {"moved": rng.random() < 0.6, "keeps_time": rng.random() < 0.5, "empty": rng.random() < 0.4}
    step["recent"] = interventions is _AFTER_A_KILL and rng.random() < 0.8
    match kind:
        case "create" | "make_folder":
            step["path"] = f"{rng.choice(_FOLDERS)}/{rng.choice(_NAMES)}"
            step["content"] = rng.choice(_SHARED) if rng.random() < 0.4 else None
        case "hold":
            step["mapped"] = rng.random() < 0.5
        case "redate":
            step |= {"kind": rng.choice(["file", "file", "folder"]), "seconds": rng.choice(ODD_TIMES)}
        case "ignore":
            step["content"] = rng.randrange(len(IGNORED))
        case "send_away" | "divert":
            step["base"] = rng.choice(["root", "dest"])
    return step


_INTERVENTIONS = {
    "create": 8, "create_at_an_old_name": 5, "edit": 14, "append": 2, "replace": 6, "delete": 5, "delete_and_create": 5,
    "move": 2, "write_held": 8,
}  # fmt: skip
_BETWEEN = {
    "hold": 6, "redate": 3, "ignore": 3, "send_away": 2, "bring_back": 2, "delete_folder": 1, "rename_folder": 1,
    "make_folder": 2,
}  # fmt: skip
_AFTER_A_KILL = {"replace": 8, "delete_and_create": 10, "edit": 4, "delete": 2, "create_at_an_old_name": 2}
_AT_A_HALT = {"divert": 8, "write_held": 14}

ABOUT: dict[str, Callable[[random.Random], list[Step]]] = {
    "anything": _anything,
    "fileorg alone": partial(_anything, calm=True),
    "crashes": _crashes,
    "programs": _programs,
    "plans": _plans,
    "jobs": _jobs,
}
"""The subjects of chains, so that rare combinations are tried often too."""
