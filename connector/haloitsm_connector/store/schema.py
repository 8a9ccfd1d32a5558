"""The tables of a state file, as the steps that lead to them; a step that was released never changes."""

from __future__ import annotations

APPLICATION_ID = 0x48414C4F
"""Marks a SQLite file as one of ours: HALO in ASCII."""

MIGRATIONS = ("CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL) WITHOUT ROWID",)
"""One statement each; a file's version is how many of them it has been through. Add new ones at the end."""
