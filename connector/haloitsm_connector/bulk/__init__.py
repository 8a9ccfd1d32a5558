"""Mass change: many records of one kind updated, created or deleted; previewed, resumable, undoable."""
