"""``haloitsm run --engine spark``: routes on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, hiding

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline


def run_on_spark(
    settings: Settings, pipeline: Pipeline, path: Path, names: Sequence[str], state: str | None, master: str | None
) -> int:
    """Run routes on a cluster, say what became of each, and return the exit status: the worst of all."""
    from haloitsm_connector.hosts.spark.engine import jobs, run
    from haloitsm_connector.store import state_of

    hide, statuses = hiding(pipeline.config), [0]
    work = jobs(pipeline, names, state or state_of(path, settings.environ), settings.environ)
    if not work:
        output.say("No route is declared: there is nothing to run.")
    for ran in run(work, master) if work else ():
        for queue, counts in ran.counts.items():
            output.say(f"{queue}: {', '.join(f'{count} {status}' for status, count in sorted(counts.items()))}")
        for name, error in ran.errors:
            output.error(hide(f"{name}: {error}"))
        statuses.append(ran.exit_status)
    if any(statuses):
        output.say(f"What did not go well, and why: haloitsm tasks list {path}")
    return next((status for status in statuses if status not in (0, 4)), max(statuses))
