"""The journal of a queue: a create stays on record until the task that it came from is settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

from haloitsm_connector.publisher.journal import Intent
from haloitsm_connector.store import Database
from haloitsm_connector.store.intents import JobRun


class QueueRun(JobRun):
    """The journal of one delivery, which holds the lease on its queue. It is a journal of one run, which never ends.

    An intent is left behind as long as no task under way stands for it: those of a process that is gone, and those of
    tasks that wait. Whoever settles tasks drops the intents of what was created in the same transaction.
    """

    def __init__(self, database: Database, job: str, queue: str) -> None:
        super().__init__(database, job)
        self._queue = queue
        self._left = {intent.identity for intent in self.recorded()}
        self._under_way: dict[int, str] = {}

    def begin(self) -> AbstractContextManager[QueueRun]:
        """Go on with the run."""
        return nullcontext(self)

    def left_behind(self, identity: str) -> Intent | None:
        """Take an intent that no task under way stands for; read anew, since people decide meanwhile."""
        if identity not in self._left:
            return None
        for intent in self.recorded(identity):
            if intent.number not in self._under_way:
                self._under_way[intent.number] = identity
                return intent
        return None

    def intend(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record intents; they are on disk when this returns."""
        made = super().intend(intents)
        self._under_way |= {intent.number: intent.identity for intent in made}
        return made

    def forget(self, intents: Sequence[Intent]) -> None:
        """Take intents back whose request certainly had no effect."""
        super().forget(intents)
        for intent in intents:
            self._under_way.pop(intent.number, None)

    def settled(self, intents: Iterable[int], forgotten: Collection[int]) -> None:
        """Say that the tasks with these intents are settled, and which of the intents were dropped with that.

        What is still on record belongs to their next attempt.
        """
        for intent in intents:
            identity = self._under_way.pop(intent, None)
            if identity and intent not in forgotten:
                self._left.add(identity)

    def end(self) -> None:
        """Forget what was created and belongs to nobody, if no task is left that could ask for it.

        One that failed or waits may have created a part of what it was made into.
        """
        sql = "DELETE FROM intents WHERE job = ? AND done = 1 AND NOT EXISTS (SELECT 1 FROM tallies WHERE queue = ?"
        sql += " AND status IN ('new', 'processing', 'retry', 'failed', 'waiting') AND tasks > 0)"
        with self._database.transaction(durable=False) as connection:
            connection.execute(sql, (self._job, self._queue))
