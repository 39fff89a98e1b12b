"""The JSON that commands write, as JSON Schemas (2020-12). `docs/json.md` is made from this table.

`fileorg report` has its own: `report/report.schema.json`. No command imports this module.
"""

from __future__ import annotations

from typing import Any

from fileorg.core.errors import ErrorCode, Exit
from fileorg.core.model import Action, JobState, RecordState, StatusCode
from fileorg.core.row_problems import RowFault

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _object(fields: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object. A field of paths gets its `_b64`. More fields may be added later."""
    properties: dict[str, Schema] = {}
    for key, schema in fields.items():
        properties[key] = schema
        if "absolute path" in schema.get("description", ""):
            properties[f"{key}_b64"] = _EXACT
    return {
        "type": "object",
        "properties": properties,
        "required": [key for key in fields if key not in optional],
    }


def _array(items: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": items} | ({"description": description} if description else {})


def _or_null(schema: Schema, description: str = "") -> Schema:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found = schema | {"type": [*kinds, "null"]}
    return found | ({"description": description} if description else {})


def _described(schema: Schema, description: str) -> Schema:
    return schema | {"description": description}


_EXACT: Schema = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "the exact bytes; only if the path is not valid UTF-8",
}
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_BYTES: Schema = {"type": "integer", "minimum": 0, "description": "bytes of these files"}
_SIZE: Schema = {"type": "integer", "minimum": 0, "description": "size in bytes"}
_SECONDS: Schema = {"type": "number", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, in UTC"}
_PATH: Schema = {"type": "string", "pattern": "^(/|[A-Za-z0-9-]+://)", "description": "absolute path"}
_OP: Schema = {"type": "integer", "minimum": 1, "description": "operation number"}
_NO_OP = _or_null(_OP, "operation number; null if nothing was done")
_KIND: Schema = {
    "enum": ["organize", "dedupe", "clean", "compare", "import", "apply", "undo", "redo", "purge", "watch"],
    "description": "kind of operation",
}
_ACTION: Schema = {"enum": [str(action) for action in Action]}
_STATUS: Schema = {"enum": [str(state) for state in RecordState]}
_OPERATION_STATUS: dict[str, Schema] = {
    "status": {
        "enum": [str(code) for code in StatusCode if code not in {StatusCode.SCANNED, StatusCode.CURRENT}],
        "description": "what became of the operation",
    },
    "undone_by": _array({"type": "integer", "minimum": 1}, "the operations that undid it, as a whole or in part"),
    "stopped_early": _described(_FLAG, "it was interrupted, and is active as far as it went"),
    "partly_purged": _described(_FLAG, "some of its files were deleted permanently"),
}
_REASON = _or_null(_TEXT, "why, for people: the words may change")
_CODE = _or_null(_TEXT, "the same for programs: does not change")
_PLACE = _object({"path": _PATH})
_UNREAD = _object({"path": _PATH, "reason": _TEXT, "reason_code": _TEXT})
_UNREADABLE = _array(_UNREAD, "folders that could not be read")
_PAGE: dict[str, Schema] = {
    "total": _described(_COUNT, "entries on all pages"),
    "page": {"type": "integer", "minimum": 1},
    "page_size": {"type": "integer", "minimum": 1},
}
_CLIENT: Schema = {"type": ["string", "null"], "description": "the program that asked for it, as it names itself"}
_PART = _described(
    _object({"patterns": _array(_TEXT), "categories": _array(_TEXT)}),
    "of undo and redo: which files, if not all of the operation",
)
_ALONE: dict[str, Schema] = {
    "left_alone": {
        "type": "object",
        "additionalProperties": _COUNT,
        "description": "number of skipped entries, by `reason_code`",
    },
    "newer_than": _or_null(_TIME, "limit of `mtime`, of --newer-than"),
    "older_than": _or_null(_TIME, "limit of `mtime`, of --older-than or --min-age"),
    "links": _described(_COUNT, "symlinks and special files"),
    "folders_not_entered": _COUNT,
    "unreadable": _UNREADABLE,
}
_STARTED_BEFORE = _or_null(_TIME, "limit of `started`, of --older-than or --expired")
_TRASH_SIZE = _or_null(_COUNT, "the trash is to be no larger: trash_size in the configuration, with --expired")
_LEFTOVERS: dict[str, Schema] = {"empty_files": _COUNT, "empty_folders": _COUNT, "broken_symlinks": _COUNT}
_HOW_DATED: dict[str, Schema] = {
    "how": {"enum": ["taken", "named", "modified"]},
    "date_source": _or_null(_TEXT, "of `taken`: where in the file or beside it the date was found"),
    "utc_in_local_time": _FLAG,
}
_DATES = _array(
    _object({**_HOW_DATED, "files": _COUNT}),
    "with --by date: how the dates of the files were found",
)
_STAYS: dict[str, Schema] = {
    "in_place": _described(_COUNT, "files that are in their folder already"),
    "unknown_kind": _described(_COUNT, "files of unknown type"),
    "kept_by_rules": _described(_COUNT, "files that a rule keeps where they are"),
    "skipped": _COUNT,
    "dates": _DATES,
    "refused_dates": _described(_COUNT, "files with dates that are not believed, 1,000 at most"),
    "removed_folders": _described(_COUNT, "with --remove-empty: folders that the run empties and removes"),
    "emptied_folders": _described(_COUNT, "folders that the run left empty"),
}
_SUMMARY: dict[str, Schema] = {
    "groups": _COUNT,
    "duplicate_files": _COUNT,
    "reclaimable_bytes": _COUNT,
    "files_scanned": _COUNT,
    **_LEFTOVERS,
    "files_left_out": _array(_UNREAD, "files that could not be read"),
    "unreadable": _UNREADABLE,
    "seconds": _SECONDS,
}
_REFUSED_ROWS = {
    "refused": _described(_COUNT, "of apply: problems of rows that are left out, or that refuse the plan"),
    "refused_rows": _array(
        _object(
            {
                "line": _described(_COUNT, "line of the plan, or number of the row"),
                "path": _or_null(_TEXT, "as the row has it"),
                "problem": {"enum": [str(fault) for fault in RowFault]},
                "reason": _TEXT,
            }
        ),
        "of apply: the first of them",
    ),
}
_FACTS = {**_REFUSED_ROWS, **_ALONE, **_STAYS, **_SUMMARY}
"""Facts that depend on the kind: of organize, of clean and of dedupe."""

_ROW = _object(
    {
        "action": _ACTION,
        "path": _or_null(_PATH, "absolute path before; null for a folder that is made"),
        "new_path": _or_null(_PATH, "absolute path after; null for what is removed"),
        "category": _or_null(_TEXT),
        "status": {"enum": ["planned", "skipped"]},
        "size_bytes": _or_null(_SIZE, "size in bytes; null for folders"),
        "mtime": _or_null(_TIME),
        "reason": _REASON,
        "reason_code": _CODE,
        "kept_path": _described(_PATH, "of a duplicate: absolute path of the file that is kept"),
    },
    optional=("kept_path",),
)
_RECORD = _object(
    {
        "record": {"type": ["integer", "null"], "minimum": 1, "description": "null for an entry that stayed"},
        "action": _described(_TEXT, "empty for an entry that stayed"),
        "path": _or_null(_PATH, "absolute path before; null for a folder that is made"),
        "new_path": _or_null(_PATH, "absolute path after, done or planned: see `status`"),
        "category": _TEXT,
        "status": {"enum": [*map(str, RecordState), "stays"]},
        "size_bytes": _or_null(_SIZE, "size in bytes; null for folders"),
        "mtime": _or_null(_TIME),
        "reason": _REASON,
        "reason_code": _CODE,
        "kept_path": _described(_PATH, "of a duplicate: absolute path of the file that is kept"),
    },
    optional=("kept_path",),
)
_PROBLEM = _object({"path": _PATH, "status": _STATUS, "reason": _REASON, "reason_code": _CODE})
_GROUP = _object(
    {
        "hash": _or_null(_TEXT, "null for the groups of an operation"),
        "count": _COUNT,
        "total_size_bytes": _COUNT,
        "files": _array(
            _object({"path": _PATH, "size_bytes": _SIZE, "status": _TEXT}), "the keeper first; it has status keeper"
        ),
    }
)

_JOB_NUMBER: Schema = {"type": "integer", "minimum": 1, "description": "job number"}
_JOB = _object(
    {
        "job": _JOB_NUMBER,
        "part": _or_null(_PART),
        "client": _CLIENT,
        "kind": _KIND,
        "status": {"enum": [str(state) for state in JobState]},
        "root": _PATH,
        "files": _described(_COUNT, "files of its plan"),
        "files_done": _described(_COUNT, "files that its operations have done"),
        "attempts": _described(_COUNT, "how often it was begun"),
        "background": _FLAG,
        "limits": _object(
            {
                "time_limit": _or_null(_SECONDS, "seconds, or null"),
                "kill_after": _or_null(_SECONDS, "seconds, or null"),
                "helper_memory": _or_null(_BYTES, "bytes, or null"),
                "attempts": _or_null(_COUNT, "attempts in the background; null for 3"),
                "parallel": _or_null(_COUNT, "how many runs may work side by side; null for 2"),
            }
        ),
        "operations": _array(_OP, "its operations, oldest first"),
        "created": _TIME,
        "started": _or_null(_TIME, "the last attempt, or null"),
        "ended": _or_null(_TIME),
        "reason": _or_null(_TEXT, "why it ended, for people: the words may change"),
        "pid": _or_null(_COUNT, "process id, or null if no process works on it"),
        "host": _TEXT,
        "log": _or_null(_PATH, "absolute path of its log, or null"),
        "progress": _or_null(
            _object(
                {
                    "stage": _TEXT,
                    "files": _COUNT,
                    "total": _or_null(_COUNT),
                    "size_bytes": _COUNT,
                    "files_per_second": _SECONDS,
                    "seconds_left": _or_null(_SECONDS),
                    "folder": _described(_TEXT, "the current folder, for display"),
                }
            ),
            "null if no process works on it, or no stage has begun",
        ),
    }
)

_RESULT: dict[str, Schema] = {
    "operation": _NO_OP,
    "kind": _KIND,
    "files": _described(_COUNT, "files that were done"),
    "size_bytes": _BYTES,
    "symlinks": _object({"rewritten": _COUNT, "first": _array(_PLACE)}),
    "seconds": _SECONDS,
    "interrupted": _FLAG,
    "parked": _described(_FLAG, "the time limit was over: `jobs resume` continues"),
    "job": _or_null(_JOB_NUMBER, "null if nothing was changed"),
    "counts": {"type": "object", "additionalProperties": _COUNT, "description": "number of records by status"},
    "problems": _array(_PROBLEM, "the first of the skipped files and of the failures"),
    "way_back": _described(_TEXT, "the command that undoes this"),
}

_CERTIFICATE: dict[str, Schema] = {
    "certificate": _object(
        {
            "root": _described(_PATH, "absolute path of the card"),
            "searched": _array(_PLACE, "the folders in which the content was looked for"),
            "made": _TIME,
            "is_complete": _described(_FLAG, "true if all content of the card is there, and nothing changed meanwhile"),
            "byte_by_byte": _described(_FLAG, "true with `--paranoid`; otherwise, digests were compared"),
            "changed_meanwhile": _described(_FLAG, "true if the card changed during the import"),
            "files": _described(_COUNT, "files of the card with content"),
            "size_bytes": _BYTES,
            "missing_files": _COUNT,
            "missing_bytes": _BYTES,
            "sidecars": _described(_COUNT, "files that belong to another file"),
            "excluded_files": _described(_COUNT, "files that the options do not select"),
            "empty_files": _described(_COUNT, "they have no content"),
            "empty_folders": _COUNT,
            "links": _described(_COUNT, "symlinks and special files"),
            "other_file_systems": _described(_COUNT, "folders that --one-file-system left out"),
            "own_folders": _described(_COUNT, "files and folders of fileorg, such as its trash"),
            "unreadable": _UNREADABLE,
            "unread_files": _array(_UNREAD, "files that could not be read: the first ones"),
        }
    ),
    "contents": _array(
        _object(
            {
                "path": _PATH,
                "size_bytes": _SIZE,
                "mtime": _or_null(_TIME),
                "digest": _or_null(_TEXT, "XXH3 of 128 bits, with blocks of zeros counted; null if it was not needed"),
                "new_path": _or_null(_PATH, "absolute path of a file with this content; null if it is missing"),
            }
        ),
        "every file of the card, in path order",
    ),
}

_EVENTS: dict[str, Schema] = {
    "stage": _object({"event": {"const": "stage"}, "stage": _TEXT, "files": _or_null(_COUNT)}),
    "advance": _object(
        {
            "event": {"const": "advance"},
            "files": _COUNT,
            "size_bytes": _COUNT,
            "folder": _described(_TEXT, "the current folder, for display"),
        }
    ),
    "note": _object({"event": {"const": "note"}, "message": _TEXT}),
    "stopping": _object({"event": {"const": "stopping"}}),
    "outcome": _object(
        {
            "event": {"const": "outcome"},
            "operation": {"type": "integer", "minimum": 0},
            "files": _COUNT,
            "size_bytes": _COUNT,
            "interrupted": _FLAG,
            "counts": _RESULT["counts"],
        }
    ),
}


def _log_line(event: Schema) -> Schema:
    """Return an event with its time, as it stands in a log."""
    return _object({"time": _TIME} | event["properties"])


_EXIT: Schema = {"enum": [int(code) for code in Exit]}
_ERROR = _object(
    {
        "code": {"enum": [str(code) for code in ErrorCode]},
        "message": _TEXT,
        "hint": _or_null(_TEXT),
        "path": _or_null(_PATH, "absolute path, or null"),
        "exit": _described(_EXIT, "exit code"),
    }
)

_RULE = _object(
    {
        "name": _TEXT,
        "line": _described(_COUNT, "in the configuration"),
        "action": {"enum": ["to", "keep", "trash"]},
        "failed": _or_null(_TEXT, "the key that does not fit the file"),
    }
)

SCHEMAS: dict[str, tuple[str, Schema]] = {
    "plan": (
        "`organize`, `dedupe --action`, `clean`, `apply`, `undo` and `redo` with `--dry-run`",
        _object(
            {
                "dry_run": {"const": True},
                "kind": _KIND,
                "action": _described(_TEXT, "of organize"),
                "operation": _described(_OP, "of undo and redo: the operation to undo"),
                "root": _described(_PATH, "absolute path; of dedupe, and with several: roots"),
                "dest": _described(_PATH, "of organize: absolute path of --dest"),
                "roots": _array(_PLACE),
                "moved": _array(
                    _object({"path": _PATH, "new_path": _PATH}),
                    "of undo and redo: folders of the operation that were moved since",
                ),
                "rows": _array(_ROW, "in path order, with all folders"),
                "stays": _array(
                    _object({"path": _PATH, "reason": _TEXT, "reason_code": _TEXT}), "with --stays: what stays"
                ),
                "files": _COUNT,
                "size_bytes": _BYTES,
                "renamed": _described(_COUNT, "files that get a number"),
                "part": _PART,
                **_FACTS,
            },
            optional=(
                "part",
                "action",
                "operation",
                "root",
                "dest",
                "roots",
                "moved",
                "stays",
                "files",
                "size_bytes",
                "renamed",
                *_FACTS,
            ),
        ),
    ),
    "result": (
        (
            "`organize`, `dedupe --action`, `clean`, `apply`, `undo` and `redo`. If there was nothing to do, or you"
            " declined, `operation` is null, `files` is 0, and there is nothing else about a run"
        ),
        _object(_RESULT | {"part": _PART} | _FACTS, optional=(*list(_RESULT)[3:], "part", *_FACTS)),
    ),
    "blocked": (
        "`undo` and `redo`, beside the error `others-first`",
        _object(
            {
                "operation": {"type": "null"},
                "files": {"const": 0},
                "undone": _described(_OP, "the operation that cannot be undone yet"),
                "hindered": _described(_COUNT, "of a part: how many of its files need a later operation undone first"),
                "first": _array(_object({"operation": _OP, "command": _TEXT}), "the commands to run first, in order"),
            },
            optional=("hindered",),
        ),
    ),
    "purge plan": (
        "`purge --dry-run`",
        _object(
            {
                "dry_run": {"const": True},
                "kind": {"const": "purge"},
                "older_than": _STARTED_BEFORE,
                "trash_size_bytes": _TRASH_SIZE,
                "operations": _array(
                    _object(
                        {
                            "operation": _OP,
                            "kind": _KIND,
                            "started": _TIME,
                            "root": _PATH,
                            "files": _COUNT,
                            "size_bytes": _BYTES,
                            "kept": _described(_COUNT, "files that purge would keep"),
                        }
                    )
                ),
                "rows": _array(_object({"operation": _OP, "path": _PATH, "size_bytes": _SIZE, "freed_bytes": _COUNT})),
                "files": _COUNT,
                "size_bytes": _described(_COUNT, "bytes that would be freed"),
            }
        ),
    ),
    "purge result": (
        "`purge`",
        _object(
            {key: schema for key, schema in _RESULT.items() if key not in {"operation", "way_back", "kind"}}
            | {
                "operation": _described({"type": "null"}, "null, only if you declined"),
                "kind": {"const": "purge"},
                "older_than": _STARTED_BEFORE,
                "trash_size_bytes": _TRASH_SIZE,
                "operations": _array(
                    _object(
                        {
                            "operation": _OP,
                            "purge": _described(_OP, "number of the purge"),
                            "files": _COUNT,
                            "size_bytes": _COUNT,
                            "undoable": {"enum": ["no", "partly", "yes"]},
                        }
                    )
                ),
            },
            optional=(*list(_RESULT)[3:], "operation", "older_than", "trash_size_bytes", "operations"),
        ),
    ),
    "duplicates found": (
        "`dedupe` without `--action`",
        _object(
            {
                "roots": _array(_PLACE),
                "duplicates": _array(_GROUP, "most wasted space first"),
                "duplicate_folders": _array(
                    _object(
                        {
                            "hash": _TEXT,
                            "count": _COUNT,
                            "files_in_each": _COUNT,
                            "bytes_in_each": _COUNT,
                            "folders": _array(_PLACE),
                        }
                    )
                ),
                "summary": _object(_SUMMARY),
            }
        ),
    ),
    "duplicates": ("`duplicates`", _object({"duplicates": _array(_GROUP), **_PAGE})),
    "compare": (
        "`compare`",
        _object(
            {
                "sides": _array(
                    _object(
                        {
                            "roots": _array(_PLACE, "folders whose files are looked for"),
                            "compared_with": _array(_PLACE),
                            "files": _described(_COUNT, "files that were looked for"),
                            "size_bytes": _BYTES,
                            "missing_files": _COUNT,
                            "missing_bytes": _BYTES,
                            "missing_sidecars": _described(_COUNT, "missing files that belong to another file"),
                            "excluded_files": _described(_COUNT, "files that the options do not select"),
                            "empty_files": _described(_COUNT, "not compared: they have no content"),
                            "empty_folders": _COUNT,
                            "links": _described(_COUNT, "symlinks and special files"),
                            "other_file_systems": _described(_COUNT, "folders that --one-file-system left out"),
                            "own_folders": _described(_COUNT, "files and folders of fileorg, such as its trash"),
                            "unreadable": _UNREADABLE,
                        }
                    ),
                    "one for each direction: two with `--both`",
                ),
                "byte_by_byte": _described(_FLAG, "true with `--paranoid`; otherwise, digests were compared"),
                "missing": _array(
                    _object({"path": _PATH, "size_bytes": _SIZE, "mtime": _or_null(_TIME)}), "in path order"
                ),
                "folders": _array(
                    _object(
                        {
                            "path": _PATH,
                            "is_whole": _described(_FLAG, "true if all files in it and below are missing"),
                            "files": _COUNT,
                            "missing_files": _COUNT,
                            "missing_bytes": _BYTES,
                        }
                    ),
                    "folders with missing files, most bytes first; a whole one stands for those in it",
                ),
                "files_left_out": _array(_UNREAD, "files that could not be read"),
                "seconds": _SECONDS,
            }
        ),
    ),
    "import": ("`import`", _object({**_RESULT, **_CERTIFICATE}, optional=tuple(_RESULT)[3:])),
    "certificate": ("`import --certificate FILE.json`", _object(_CERTIFICATE)),
    "scan": (
        "`scan`",
        _object(
            {
                "roots": _array(_PLACE),
                "files": _COUNT,
                "size_bytes": _BYTES,
                "folders": _COUNT,
                "known_from_before": _described(_COUNT, "files of folders that have not changed since the last scan"),
                "categories": _array(_object({"category": _TEXT, "files": _COUNT, "size_bytes": _BYTES})),
                "largest": _array(_object({"path": _PATH, "size_bytes": _SIZE, "mtime": _or_null(_TIME)})),
                "oldest": _array(_object({"path": _PATH, "size_bytes": _SIZE, "mtime": _or_null(_TIME)})),
                **_LEFTOVERS,
                **_ALONE,
                "seconds": _SECONDS,
            }
        ),
    ),
    "mismatches": (
        "`scan --mismatch`",
        _object(
            {
                "roots": _array(_PLACE),
                "files": _COUNT,
                "unread": _described(_COUNT, "files that could not be read"),
                "mismatches": _array(
                    _object(
                        {
                            "path": _PATH,
                            "extension": _described(_TEXT, "that of the name, in lower case without a dot"),
                            "right_extension": _described(_TEXT, "the usual one of the content"),
                            "category": _described(_TEXT, "that of the content"),
                            "size_bytes": _SIZE,
                        }
                    ),
                    "files whose extension does not fit their content, in path order",
                ),
            }
        ),
    ),
    "dates": (
        "`scan --dates`",
        _object(
            {
                "roots": _array(_PLACE),
                "files": _COUNT,
                "unread": _described(_COUNT, "files that could not be read"),
                "dates": _DATES,
                "refused": _array(
                    _object(
                        {
                            "path": _PATH,
                            "date_source": _described(_TEXT, "where in the file or beside it the date stands"),
                            "date": _described(_TEXT, "as it stands there"),
                            "why": {
                                "enum": [
                                    "unset",
                                    "no_date",
                                    "no_such_day",
                                    "too_old",
                                    "future",
                                    "default",
                                    "before_format",
                                ]
                            },
                            "reason": _TEXT,
                        }
                    ),
                    "dates that are not believed, in path order of their files",
                ),
            }
        ),
    ),
    "categorize": (
        "`categorize`",
        _object({"files": _array(_object({"path": _PATH, "category": _TEXT, "evidence": _TEXT, "size_bytes": _SIZE}))}),
    ),
    "rules": (
        "`rules`, also `check` and `test`",
        _object(
            {
                "rules": _array(
                    _object(
                        {
                            "name": _TEXT,
                            "line": _COUNT,
                            "enabled": {"type": "boolean"},
                            "to": _or_null(_TEXT, "the template of the target"),
                            "keep": {"type": "boolean"},
                            "action": _or_null(_TEXT),
                            "tags": _array(_TEXT),
                        }
                    ),
                    "in the order in which they decide",
                ),
                "findings": _array(
                    _object({"line": _COUNT, "rule": _TEXT, "message": _TEXT, "hint": _TEXT}),
                    "likely mistakes, or examples that rules do not treat as they say",
                ),
            }
        ),
    ),
    "explain": (
        "`explain`",
        _object(
            {
                "files": _array(
                    _object(
                        {
                            "path": _PATH,
                            "status": {"enum": ["goes", "stays", "refused"]},
                            "reason": _REASON,
                            "reason_code": _CODE,
                            "marker": _or_null(_PATH, "absolute path of the file that decides, or null"),
                            "group": _array(_PLACE, "files that move together, the leader first"),
                            "open_by": _or_null(
                                _object({"pid": _or_null(_COUNT), "program": _or_null(_TEXT)}),
                                "the process that has the file open for writing",
                            ),
                            "category": _TEXT,
                            "evidence": _TEXT,
                            "dated_by": _described(
                                _object(_HOW_DATED),
                                "how the date of the file was found; only with --by date",
                            ),
                            "rule": _described(_RULE, "the rule that decides; only if one does"),
                            "rules_before": _array(_RULE, "the rules before it, which do not match; only with rules"),
                            "moved_by": _described(
                                _OP, "the operation that moved the file before: watch leaves it alone until it changes"
                            ),
                            "new_path": _or_null(_PATH, "absolute path after; null for a file that stays"),
                        },
                        optional=("dated_by", "rule", "rules_before", "moved_by"),
                    )
                )
            }
        ),
    ),
    "files": ("`files`", _object({"operation": _OP, "files": _array(_RECORD), **_PAGE})),
    "history": (
        "`history`",
        _object(
            {
                "operations": _array(
                    _object(
                        {
                            "operation": _OP,
                            "kind": _KIND,
                            "root": _PATH,
                            "dest": _or_null(_PATH, "absolute path of --dest, or null"),
                            "started": _TIME,
                            "ended": _or_null(_TIME),
                            "files": _COUNT,
                            "size_bytes": _BYTES,
                            "problems": _COUNT,
                            **_OPERATION_STATUS,
                            "undoes": _or_null(_OP, "the operation that it undid, redid or purged"),
                            "in_part": _described(_FLAG, "it undid or redid only chosen files"),
                            "client": _CLIENT,
                        }
                    ),
                    "newest first",
                ),
                **_PAGE,
                "state_dir": _described(_PATH, "absolute path of the state directory that was read"),
            }
        ),
    ),
    "jobs": ("`jobs`", _object({"jobs": _array(_JOB, "newest first")})),
    "job": ("`jobs show`, `attach`, `cancel`, `resume`, `retry` and `approve`", _JOB),
    "log line": (
        "each line of the log of a job with `--log-format json`",
        {"oneOf": [_log_line(_EVENTS["stage"]), _log_line(_EVENTS["note"]), _log_line(_EVENTS["outcome"])]},
    ),
    "job log": (
        "`jobs log`",
        _object({"job": _JOB_NUMBER, "lines": _array(_TEXT, "as text, the oldest first; empty without a log")}),
    ),
    "operations of a job": (
        "`undo --job` and `redo --job` of a job with several operations: the document of each, newest first for undo",
        _object({"job": _JOB_NUMBER, "operations": {"type": "array", "items": {"type": "object"}}}, optional=("job",)),
    ),
    "pruned jobs": ("`jobs prune`", _object({"pruned": _array(_JOB_NUMBER)})),
    "job started": (
        (
            "`organize`, `dedupe --action`, `clean`, `apply`, `undo`, `redo`, `purge`, `watch` with `--background` or"
            " `--hold`"
        ),
        _object(
            {"job": _JOB_NUMBER, "kind": _KIND, "status": {"enum": ["queued", "waiting"]}, **_REFUSED_ROWS},
            optional=(*_REFUSED_ROWS,),
        ),
    ),
    "watch event": (
        "`watch`: one object a line, for each run and each plan that waits, and the last one of `--once`",
        _object(
            {
                "event": {"enum": ["operation", "held", "trouble", "end"]},
                "root": _described(_PATH, "absolute path of the watched folder; not at the end"),
                **_RESULT,
                "job": _or_null(_JOB_NUMBER, "of an operation, or of a plan that waits"),
                "limit": _described(_COUNT, "of a plan that waits: the largest number of files that is moved at once"),
                "message": _described(_TEXT, "of trouble: what keeps the folder from being organized"),
                "not_ready": _described(_COUNT, "at the end: files that are still written, or changed moments ago"),
                "held": _array(
                    _object({"root": _PATH, "job": _JOB_NUMBER, "files": _COUNT, "limit": _COUNT}),
                    "at the end: the plans that wait",
                ),
            },
            optional=("root", *_RESULT, "job", "limit", "message", "not_ready", "held"),
        ),
    ),
    "watches": (
        "`watch --status`",
        _object(
            {
                "watches": _array(
                    _object(
                        {
                            "pid": _COUNT,
                            "roots": _array(_PLACE),
                            "since": _TIME,
                            "not_ready": _COUNT,
                            "failed": _described(_COUNT, "files that could not be processed"),
                            "operations": _array(_OP, "the last ones"),
                            "trouble": _array(_TEXT, "what keeps folders from being organized"),
                        }
                    )
                ),
                "units": _array(_PLACE, "the units of systemd that are installed"),
            }
        ),
    ),
    "trail": (
        "`history PATH`",
        _object(
            {
                "steps": _array(
                    _object(
                        {
                            "operation": _OP,
                            "kind": _KIND,
                            "started": _TIME,
                            "action": _ACTION,
                            "path": _or_null(_PATH, "absolute path before, or null"),
                            "new_path": _or_null(_PATH, "absolute path after, or null"),
                            "status": _STATUS,
                            "reason": _REASON,
                            "reason_code": _CODE,
                        }
                    ),
                    "oldest first",
                )
            }
        ),
    ),
    "problems": ("`history --problems OP`", _object({"problems": _array(_PROBLEM)})),
    "categories": (
        "`categories`, also `show`, `add`, `edit`, `remove` and `restore`",
        _object(
            {
                "categories": _array(
                    _object(
                        {
                            "id": _described(_TEXT, "the name as one word, in lower case"),
                            "name": _described(_TEXT, "the name, which is that of its folder"),
                            "extensions": _array(_TEXT, "in lower case, without the first dot"),
                            "is_custom": _described(_FLAG, "true if it is not built in"),
                        }
                    ),
                    "the categories in effect",
                )
            }
        ),
    ),
    "category changes": (
        "`categories changes`",
        _object(
            {
                "changes": _array(
                    _object(
                        {
                            "change": {"type": "integer", "minimum": 1},
                            "kind": {"enum": ["add", "edit", "remove", "restore"]},
                            "category": _TEXT,
                            "time": _TIME,
                            "restores": _or_null({"type": "integer"}, "the change that was taken back"),
                            "path": _PATH,
                        }
                    ),
                    "newest first",
                )
            }
        ),
    ),
    "recover": (
        "`recover`",
        _object(
            {
                "settled": _array(
                    _object({"operation": _OP, "kind": _KIND, "files": _COUNT}), "operations that were recovered now"
                ),
                "open": _array(
                    _object({"operation": _OP, "kind": _KIND}), "operations that could not be recovered yet"
                ),
                "changed": _array(
                    _object({"operation": _OP, "kind": _KIND, "files": _COUNT}),
                    "operations with files that changed after the crash: see history --problems",
                ),
            }
        ),
    ),
    "storage": (
        "`storage check`",
        _object(
            {
                "url": {"type": "string", "description": "the URL that was given"},
                "endpoint": {"type": "string", "description": "the address of the service; empty for AWS"},
                "probes": _array(
                    _object(
                        {
                            "name": {"type": "string", "description": "what was tried"},
                            "result": {
                                "enum": ["kept", "ignored", "missing", "failed"],
                                "description": "ignored: the store claimed success, and did what it must not do",
                            },
                            "cause": _or_null(_TEXT, "why it could not be tried"),
                        }
                    )
                ),
                "uses": _array(
                    _object(
                        {
                            "name": {"enum": ["move", "upload", "large"]},
                            "safe": _FLAG,
                            "unmet": _array(_TEXT, "the probes that would have to succeed"),
                        }
                    )
                ),
                "tested": {"type": "boolean", "description": "false for a service that fileorg was never run on"},
            }
        ),
    ),
    "error": ("every command, on standard error", _object({"error": _ERROR})),
    "event": (
        "`--progress json`, one per line on standard error",
        {
            "oneOf": [
                *_EVENTS.values(),
                _object({"event": {"const": "error"}, "error": _ERROR}),
                _object({"event": {"const": "done"}, "exit": _EXIT}),
            ]
        },
    ),
}
"""The shapes: the commands that write them, and their schemas."""
