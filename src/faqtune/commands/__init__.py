"""One file per command: each puts the rooms to work on a project and returns a record of what it made."""
