"""What the catalogue says about one operation: plain values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("GET", "POST", "DELETE")
"""Every method Halo's API has; PUT and PATCH answer 405 (halo-api-facts 4.1)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in the path or the query.

    ``type`` is one of integer, number, string, boolean, date-time, uuid, array, any. An ``array`` takes one value or
    several joined with commas (halo-api-facts 2.3).
    """

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A property of a record.

    ``type`` is one of those of `Parameter`, or object, date, time. ``schema`` names the nested record of an object, or
    of the items of an array; look it up with `Catalogue.fields`.
    """

    name: str
    type: str
    schema: str | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """How a list answers.

    ``key`` is where the rows stand in the envelope, None for a bare array (``/Agent`` is bare until ``pageinate=true``
    is sent: halo-api-facts 2.2). ``page_size`` is what to ask for: servers cut larger pages silently
    (halo-api-facts 2.1). ``incremental`` names the query parameters that narrow the list by date (halo-api-facts 2.4).
    ``sure`` is False where the key is a guess.
    """

    key: str | None
    paged: bool
    page_size: int
    incremental: tuple[str, ...]
    sure: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API, such as ``GET /Actions/{id}``.

    ``body`` is array, object, string, multipart or None. ``record`` names the schema of the rows read or the record
    written. ``listing`` is there for lists only. ``binary`` operations answer bytes. ``key`` names the fields that
    identify a record, empty where the schema has none. ``aliases`` are other names of the first path segment.
    ``requires`` names query parameters of which at least one must be given before Halo answers any rows.
    ``documented`` is False for an operation seen in use that Halo's document does not list.
    """

    method: str
    path: str
    tag: str
    label: str
    path_parameters: tuple[Parameter, ...]
    query_parameters: tuple[Parameter, ...]
    body: str | None
    record: str | None
    listing: Listing | None
    binary: bool
    key: tuple[str, ...]
    aliases: tuple[str, ...]
    requires: tuple[str, ...]
    documented: bool

    @property
    def name(self) -> str:
        """The method and the path: ``GET /Actions/{id}``."""
        return f"{self.method} {self.path}"
