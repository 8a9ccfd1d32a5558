"""What is remembered between runs, in one SQLite file: cursors of readers, intents of writers, storages of steps."""

from haloitsm_connector.store.cursors import Cursors
from haloitsm_connector.store.database import Database, open_state, state_of
from haloitsm_connector.store.inbox import Event, Inbox
from haloitsm_connector.store.intents import Intents, JobJournal, journal
from haloitsm_connector.store.storages import KeptStorage, storage_counts

__all__ = [
    "Cursors",
    "Database",
    "Event",
    "Inbox",
    "Intents",
    "JobJournal",
    "KeptStorage",
    "journal",
    "open_state",
    "state_of",
    "storage_counts",
]
