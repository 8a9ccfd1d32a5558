"""The hook: a connection of Airflow as clients, incoming and outgoing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret

from haloitsm_connector.client import HttpClient
from haloitsm_connector.errors import ConfigError, ConnectorError, InputError
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.streams import Stream, Streams
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.subscriber.moments import Moment
from haloitsm_connector.validation import validated

CONNECTION = "haloitsm_default"
Paths = str | Sequence[str]


class _Since(Fields):
    since: Moment | None


class HaloITSMHook(BaseHook):
    """Reaches HaloITSM as a connection of the type ``haloitsm`` says.

    ``config`` names YAML files or folders. Their ``HALO_`` variables are filled in by the connection, others by
    ``parameters`` and then the environment. ``state`` is a file or a PostgreSQL address; else the connection names one,
    or ``HALOITSM_STATE``. ``since`` is where the first read of what is new begins. Without a connection (None), the
    YAML says all. Whatever cannot be used is an InputError or a ConfigError.
    """

    conn_name_attr = "haloitsm_conn_id"
    default_conn_name = CONNECTION
    conn_type = "haloitsm"
    hook_name = "HaloITSM"

    def __init__(
        self,
        haloitsm_conn_id: str | None = CONNECTION,
        *,
        config: Paths = (),
        parameters: Mapping[str, Any] | None = None,
        state: str | None = None,
        since: str | None = None,
    ) -> None:
        super().__init__()
        self.haloitsm_conn_id = haloitsm_conn_id
        self.config = (config,) if isinstance(config, str) else tuple(config)
        self.parameters = dict(parameters or {})
        self.state = state
        self.since = since
        self._told: dict[str, Any] | None = None

    def get_conn(self) -> HttpClient:
        """Return a client of the connection, for requests of any kind; close it, or use it as a context manager."""
        fields = self._settings(config=()).connection()
        assert fields is not None  # without YAML, the settings insist on an address
        return HttpClient.from_fields(fields)

    def test_connection(self) -> tuple[bool, str]:
        """Sign in, as the button Test of a connection does; whether it worked, and what to do where it did not."""
        try:
            with self.get_conn() as client:
                client.connect()
                return True, f"Signed in to {client.api_uri}."
        except ConnectorError as error:
            return False, str(error)

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """Give the pipeline of the YAML files, with its state; its secrets are masked in Airflow's logs.

        The state has to be named: a worker may be another one the next time, and the folder of the DAG too.
        """
        if not self.config:
            raise InputError("config is missing: the YAML files that say what to do", "Name them: config='halo.yaml'.")
        environ = self._settings().variables(self._environ())
        if not environ.get("HALOITSM_STATE"):
            what = "state is missing: where all that must not be forgotten between runs is kept"
            hint = (
                "Name a file that every worker sees, or postgresql://…: as state, in the connection, or HALOITSM_STATE."
            )
            raise InputError(what, hint)
        with Pipeline.load(*map(Path, self.config), environ=environ) as pipeline:
            _masked(pipeline.config.secrets)
            for warning in pipeline.config.warnings:
                self.log.warning("%s", warning)
            yield pipeline

    @contextmanager
    def stream(self, incoming: str) -> Iterator[Stream]:
        """Give what can be read: an incoming of the YAML, a usual entity (``tickets``) or ``GET /TicketArea``."""
        entities = (incoming,) if incoming.startswith("GET ") else ()
        with Streams(self._settings(entities=entities), environ=self._environ()) as streams:
            _masked(streams.secrets)
            operation = streams.catalogue.find(incoming, ("GET",)) if entities else None
            found = [one for one in streams if operation and one.operation is operation]
            yield found[0] if found else streams[incoming]

    async def learn(self) -> None:
        """Ask for the connection, as code in an event loop must before it uses anything else."""
        if self.haloitsm_conn_id is not None:
            connection = await self.aget_connection(self.haloitsm_conn_id)
            self._told = _told_by(connection, await connection.aextra_dejson())

    def _connection(self) -> dict[str, Any]:
        """What the connection says, by the names of settings, and its ``state``."""
        if self._told is None:
            name = self.haloitsm_conn_id
            connection = self.get_connection(name) if name is not None else None
            self._told = _told_by(connection, connection.extra_dejson) if connection else {}
        return dict(self._told)

    def _settings(self, **more: Any) -> Settings:
        told = self._connection()
        told.pop("state", None)
        start = validated(_Since, {"since": self.since or None}).since
        return Settings.of({**told, "config": self.config, "start_date": start, **more})

    def _environ(self) -> dict[str, str]:
        state = self.state or self._connection().get("state")
        environ = {**os.environ, **{name: str(value) for name, value in self.parameters.items()}}
        return {**environ, "HALOITSM_STATE": str(state)} if state else environ


def _masked(secrets: Iterable[str]) -> None:
    for secret in secrets:
        mask_secret(secret)


def hook_of(task: Any, since: str | None = None) -> HaloITSMHook:
    """Return the hook that a task asks for. Paths of its YAML that are not absolute begin at the folder of its DAG."""
    paths = (task.config,) if isinstance(task.config, str) else task.config
    config = [str(Path(task.dag.folder, path)) for path in paths]
    return HaloITSMHook(task.haloitsm_conn_id, config=config, parameters=task.parameters, state=task.state, since=since)


@contextmanager
def in_airflows_words() -> Iterator[None]:
    """Raise what cannot be done as Airflow's exceptions: one that no retry helps ends the task for good."""
    try:
        yield
    except (ConfigError, InputError) as error:
        raise AirflowFailException(str(error)) from None
    except ConnectorError as error:
        raise AirflowException(str(error)) from None


def _told_by(connection: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
    host = connection.host
    if host and connection.schema and "://" not in host:
        host = f"{connection.schema}://{host}"
    if host and connection.port:
        host = f"{host.rstrip('/')}:{connection.port}"
    told = {"base_uri": host, "client_id": connection.login, "client_secret": connection.password, **extra}
    return {name: value for name, value in told.items() if value not in (None, "", [])}
