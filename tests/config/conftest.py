from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.config import Config
from haloitsm_connector.config import load as load_config
from haloitsm_connector.config.load import PrototypeSources
from haloitsm_connector.errors import ConfigError, Finding, InputError, suggest
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_transformers import Registry, Steps


class Secret(Fields):
    type: Literal["client_credentials"] = "client_credentials"
    client_id: str
    client_secret: SecretStr


class Password(Fields):
    type: Literal["password"]
    username: str
    password: SecretStr


class Timeouts(Fields):
    read_seconds: float = Field(60, gt=0)


class ClientFields(Fields):
    base_uri: str
    authentication: Annotated[Secret | Password, Field(discriminator="type")] | None = None
    timeouts: Timeouts = Timeouts()
    verify: bool = True
    tenant: str | None = None
    level: Literal["off", "full"] = "off"


class SubscriberFields(Fields):
    client: str
    entity: str
    page_size: int = Field(50, ge=1, le=100)
    query: dict[str, Any] = Field({})
    input_transformers: Steps = Field([])


class PublisherFields(Fields):
    client: str
    entity: str
    payload: Any = None
    request_transformers: Steps = Field([])


class FileFields(Fields):
    path: str


def check_uri(fields: ClientFields, catalogue: Catalogue) -> Iterator[Finding]:
    if not fields.base_uri.startswith("https://"):
        yield Finding(("base_uri",), "is not https", "Use https.", "warning")


def check_operation(fields: SubscriberFields, catalogue: Catalogue) -> Iterator[Finding]:
    try:
        catalogue.find(fields.entity, ("GET",))
    except InputError as error:
        yield Finding(("entity",), error.what, error.hint)


class Given:
    """Prototypes of one kind that are given, not installed."""

    def __init__(self, *prototypes: Prototype) -> None:
        self._prototypes = {prototype.name: prototype for prototype in prototypes}

    def names(self) -> list[str]:
        return sorted(self._prototypes)

    def get(self, name: str) -> Prototype:
        if name not in self._prototypes:
            raise InputError(f"there is no prototype '{name}'", suggest(name, self._prototypes))
        return self._prototypes[name]


GIVEN: PrototypeSources = {
    "clients": Given(
        Prototype("haloitsm", "A Halo.", ClientFields, dict, check_uri),
        Prototype("http", "Another.", ClientFields, dict),
    ),
    "subscribers": Given(
        Prototype("haloitsm", "Reads.", SubscriberFields, dict, check_operation),
        Prototype("file", "Reads a file.", FileFields, dict),
    ),
    "publishers": Given(
        Prototype("haloitsm", "Writes.", PublisherFields, dict),
        Prototype("file", "Writes a file.", FileFields, dict),
    ),
}

REGISTRY = Registry.installed()
CATALOGUE = Catalogue.load()
Files = Mapping[str, str]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Load texts, given by file name, as a configuration; a text alone is ``halo.yaml``."""
    monkeypatch.chdir(tmp_path)

    def run(files: str | Files, *, paths: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Config:
        texts = {"halo.yaml": files} if isinstance(files, str) else files
        for name, text in texts.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, "utf-8")
        given = [Path(name) for name in paths or (["halo.yaml"] if isinstance(files, str) else ["."])]
        return load_config(given, environ=environ or {}, registry=REGISTRY, catalogue=CATALOGUE, prototypes=GIVEN)

    return run


@pytest.fixture
def problems(load: Callable[..., Config]) -> Callable[..., list[str]]:
    """Return the problems of texts as they are printed; the warnings where there are no errors."""

    def run(*files: Any, **options: Any) -> list[str]:
        try:
            return [str(problem) for problem in load(*files, **options).warnings]
        except ConfigError as error:
            return [str(problem) for problem in error.problems]

    return run
