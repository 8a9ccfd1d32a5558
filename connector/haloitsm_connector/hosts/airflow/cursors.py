"""The cursor of a task: how far it has read, kept as an XCom of each run of its DAG.

A run goes on where the one before it, by their logical dates, came to. Airflow clears the XComs of a task that is run
again, so that it reads again what it read before, and what came since.
"""

from __future__ import annotations

from airflow.sdk import Context

from haloitsm_connector.subscriber import Cursor

KEY = "cursor"


def last_cursor(context: Context) -> Cursor | None:
    """Return the cursor that the last run before this one has kept, None where there is none."""
    task = context["ti"]
    cursor: Cursor | None = task.xcom_pull(key=KEY, include_prior_dates=True, map_indexes=task.map_index)
    return cursor


def keep_cursor(context: Context, cursor: Cursor | None) -> None:
    """Keep a cursor for the next run."""
    if cursor is not None:
        context["ti"].xcom_push(KEY, cursor)
