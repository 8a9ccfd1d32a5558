"""What is remembered between runs, in one SQLite file: cursors of readers, intents of writers."""

from haloitsm_connector.store.cursors import Cursors
from haloitsm_connector.store.database import Database, open_state, state_of

__all__ = ["Cursors", "Database", "open_state", "state_of"]
