"""The tables of a state file, as the steps that lead to them; a step that was released never changes."""

from __future__ import annotations

APPLICATION_ID = 0x48414C4F
"""Marks a SQLite file as one of ours: HALO in ASCII."""

MIGRATIONS = (
    "CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL, stored REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE storages (storage TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, ends REAL,"
    " PRIMARY KEY (storage, key)) WITHOUT ROWID",
    "CREATE TABLE intents (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, run INTEGER NOT NULL, "
    "identity TEXT NOT NULL, request TEXT NOT NULL, payload TEXT, at REAL NOT NULL, done INTEGER NOT NULL DEFAULT 0, "
    "id TEXT, reason TEXT NOT NULL DEFAULT '')",
    "CREATE INDEX intents_of_a_job ON intents (job, identity)",
)
"""One statement each; a file's version is how many of them it has been through. Add new ones at the end."""
