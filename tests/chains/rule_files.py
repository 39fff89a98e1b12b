"""Files with rules for the organize commands of chains, which know them as `RULES/0.toml`, `RULES/1.toml`, …"""

from __future__ import annotations

RULE_FILES = (
    """
version = 1
[[rule]]
name = "songs stay"
when = { name = ["*.mp3"] }
keep = true
[[rule]]
name = "pictures"
when = { name = ["*.jpg", "*.png"] }
to = "Pictures/{modified.year}"
on_conflict = "skip"
[[rule]]
name = "new names"
when = { name = ["*.txt", "*.gz"] }
to = "Papers/{modified:%Y-%m-%d}_{name}"
""",
    """
version = 1
[[rule]]
name = "the small"
when = { size = "<= 9" }
action = "trash"
[[rule]]
name = "copies"
when = { name = ["a*"] }
action = "copy"
to = "Copies"
[[rule]]
name = "all"
to = "Rest/{ext}"
on_conflict = "keep-newer"
""",
    """
version = 1
[[rule]]
name = "unknown"
when = { name = ["*.qqq"] }
to = "Images"
[[rule]]
name = "links"
when = { name = ["*.mkv", "*.pdf"] }
action = "hardlink"
to = "Links"
""",
)
