"""``attachment``: put a file into the entity, as Halo takes attachments."""

from __future__ import annotations

import base64
from collections.abc import Callable
from mimetypes import MimeTypes
from pathlib import PurePosixPath
from typing import Any, Self

from pydantic import Field, model_validator

from haloitsm_transformers.calling import check_uri
from haloitsm_transformers.capabilities import Call
from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.fields import ClientName, Path, Template
from haloitsm_transformers.paths import Edit, parse_path
from haloitsm_transformers.world import Answer, World

Load = Callable[[Entity], tuple[str, bytes] | None]
"""Returns the name and the bytes of an entity's file; None when it has none."""


class Attachment(Params):
    """Put a file into the entity as `filename` and `data_base64`, which is how Halo takes it (halo-api-facts 4.5).

    The file comes from a folder below the configuration's, or is read through a client. Missing path, null, empty text:
    as `file` nothing happens, in `path` the request fails. Wrong type: a list, an empty list too, an object, true or
    false fails as `file`. What stands at `into` gets the two fields besides its own.
    """

    folder: str | None = Field(None, description="Folder, from that of the configuration, below which files are.")
    file: Template = Field(None, description="Name of the file in that folder.")
    client: ClientName | None = Field(None, description="Name of the client that reads the file.")
    uri: str | None = Field(None, description="What it reads, relative to its base URI: /Attachment/{id}.")
    path: dict[str, Template] = Field({}, description="Values for the placeholders of uri, encoded as they need.")
    filename: Template = Field(None, description="Name that the attachment gets; a file of a folder has its own.")
    into: Path | None = Field(None, description="Path of the object that gets the fields; else the entity itself.")
    most_bytes: int = Field(20_000_000, ge=1, description="Size above which a file fails.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        of_folder = self.folder is not None and self.file is not None
        of_client = self.client is not None and self.uri is not None
        half = (self.folder is None) != (self.file is None) or (self.client is None) != (self.uri is None)
        if half or of_folder == of_client:
            raise ValueError("needs either 'folder' and 'file', or 'client' and 'uri'")
        if of_client and self.filename is None:
            raise ValueError("needs 'filename' for what a client reads")
        check_uri(self.uri or "", self.path)
        return self


def needs(params: Attachment) -> tuple[str, ...]:
    """Return what the step takes its file from."""
    return ("files",) if params.uri is None else ("http",)


def build(params: Attachment, builder: Builder) -> EntityFunction:
    """Compile the templates."""
    load = _of_folder(params, builder) if params.uri is None else _of_client(params, params.uri, builder)
    name_of = builder.template(params.filename)
    place = parse_path(params.into) if params.into else ()

    def attach(entity: Entity) -> Entity:
        if not (loaded := load(entity)):
            return entity
        name, content = loaded
        if len(content) > params.most_bytes:
            raise TransformError(f"{name} has {len(content):,} bytes; 'most_bytes' allows {params.most_bytes:,}")
        name = str(name_of(entity) or name)
        edit = Edit(entity)
        edit.put((*place, "filename"), name)
        edit.put((*place, "data_base64"), f"data:{_media_type(name)};base64,{base64.b64encode(content).decode()}")
        return entity

    return attach


def _of_folder(params: Attachment, builder: Builder) -> Load:
    read, file_of, folder = builder.capability("files"), builder.template(params.file), params.folder or ""

    def load(entity: Entity) -> tuple[str, bytes] | None:
        name = file_of(entity)
        if name is None or name == "":
            return None
        path = _inside(name)
        return path.name, read(f"{folder}/{path}")

    return load


def _inside(name: Any) -> PurePosixPath:
    """Return the path of a file in its folder: names come from data, and data must not choose what leaves a machine."""
    if not isinstance(name, str):
        raise TransformError(f"the file is {kind_of(name)}, not a name")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or not _PLAIN.isdisjoint(name):
        raise TransformError(f"'{name[:100]}' is not the name of a file in the folder")
    return path


_PLAIN = frozenset("\\:\0")


def _of_client(params: Attachment, uri: str, builder: Builder) -> Load:
    start, path_of = builder.capability("http"), builder.template(params.path)

    def load(entity: Entity) -> tuple[str, bytes]:
        content: bytes = start(Call(params.client or "", "GET", uri, path=path_of(entity), raw=True)).result()
        return "file", content

    return load


_TYPES = MimeTypes(filenames=())  # Python's own table, the same on every machine
_ANY_TYPE = "application/octet-stream"


def _media_type(name: str) -> str:
    return _TYPES.guess_type(f"file:{name}")[0] or _ANY_TYPE


_WORLD = World(
    files={"invoices/2026/R-7.pdf": "seven", "invoices/ünïcode.txt": ""},
    answers=[Answer(request="GET /Attachment/12", value="the bytes")],
)

TRANSFORMER = Transformer(
    "attachment",
    "entity",
    Attachment,
    build,
    needs=needs,
    examples=(
        Example(
            "A file of a folder",
            {"folder": "invoices", "file": "2026/{{ number }}.pdf", "into": "payload"},
            {"number": "R-7", "payload": {"ticket_id": 4}},
            {
                "number": "R-7",
                "payload": {
                    "ticket_id": 4,
                    "filename": "R-7.pdf",
                    "data_base64": "data:application/pdf;base64,c2V2ZW4=",
                },
            },
            world=_WORLD,
        ),
        Example(
            "One that a client reads, under a name of its own",
            {"client": "halo", "uri": "/Attachment/{id}", "path": {"id": "{{ id }}"}, "filename": "{{ name }}"},
            {"id": 12, "name": "photo.png"},
            {
                "id": 12,
                "name": "photo.png",
                "filename": "photo.png",
                "data_base64": "data:image/png;base64,dGhlIGJ5dGVz",
            },
            world=_WORLD,
        ),
        Example(
            "An empty file is one",
            {"folder": "invoices", "file": "{{ file }}", "filename": "{{ title }}"},
            {"file": "ünïcode.txt"},
            {"file": "ünïcode.txt", "filename": "ünïcode.txt", "data_base64": "data:text/plain;base64,"},
            world=_WORLD,
        ),
        Example(
            "A missing path, null and an empty text are no file",
            {"folder": "invoices", "file": "{{ file }}"},
            [{}, {"file": None}, {"file": ""}],
            [{}, {"file": None}, {"file": ""}],
            world=_WORLD,
        ),
        Example(
            "An empty list is no name",
            {"folder": "invoices", "file": "{{ file }}"},
            {"file": []},
            fails="the file is a list, not a name",
            world=_WORLD,
        ),
        Example(
            "No name leads out of the folder",
            {"folder": "invoices", "file": "{{ file }}"},
            {"file": "../secret.txt"},
            fails="'../secret.txt' is not the name of a file in the folder",
            world=_WORLD,
        ),
        Example(
            "A file that is too large fails",
            {"folder": "invoices", "file": "2026/R-7.pdf", "most_bytes": 4},
            {},
            fails="R-7.pdf has 5 bytes; 'most_bytes' allows 4",
            world=_WORLD,
        ),
    ),
    json=True,
)
