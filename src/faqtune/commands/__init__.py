"""One file per command: each puts the rooms to work on a project and returns a record of what it made.

Beside them what several commands share: `assemble` (data put together), `models` (by name), `gold` (hand labels),
`scorecards` (kept and read back) and `listener` (what a training tells).
"""
