"""Receive what Halo's webhooks deliver: ``haloitsm serve`` keeps the events, this reads those that were kept."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.fields import Basic, NoAuthentication, Secret
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.subscriber.base import Cursor, Fail, Slice, SubscriberBase
from haloitsm_transformers import Chain, Entity, Expression, Failure
from haloitsm_transformers.run import raise_failure

EVENTS_PER_SLICE = 500
TAKEN_PATHS = ("/health", "/metrics")
"""What ``haloitsm serve`` answers itself."""
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Signed(Fields):
    """A signature of the body in a header, made with a secret that both sides know (halo-api-facts 7.3)."""

    type: Literal["hmac"] = "hmac"
    secret: Secret = Field(description="The secret that signs; better ${NAME} than the text itself.")
    header: str = Field("X-Halo-Signature", pattern=r"^[A-Za-z0-9-]+$", description="The header with the signature.")
    algorithm: Literal["sha256", "sha512", "sha1"] = Field("sha256", description="The hash of the signature.")
    encoding: Literal["base64", "hex"] = Field("base64", description="How the signature is written.")
    prefix: str = Field("", description="What stands before the signature in the header, such as sha256=.")


WebhookAuthentication = Annotated[Basic | Signed | NoAuthentication, Field(discriminator="type")]


class WebhookFields(Fields):
    """The YAML fields of the subscriber prototype ``webhook``."""

    path: str = Field(description="Where deliveries arrive, below the address of haloitsm serve: /halo/tickets.")
    authentication: WebhookAuthentication = Field(
        description="How a sender shows that it is Halo: basic, hmac, or none where something else sees to it."
    )
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="The method of deliveries.")
    events: tuple[str, ...] = Field(
        (), description="Names of the events that are kept, in any case; others are accepted and left. Else all are."
    )
    entity: str | None = Field(
        None, min_length=1, description="Name of the object inside an event that becomes the entity, such as ticket."
    )
    event_id: Expression | None = Field(
        None,
        description="JMESPath expression to what tells an event from others, where its payload is your own; "
        "else its id, if that is a GUID as Halo's are.",
    )
    largest_kb: int = Field(1024, ge=1, le=102_400, description="Largest body that is read, in KiB.")
    replay_minutes: float = Field(
        10_080,
        gt=0,
        description="For how long an event that is delivered again is known; a signed one that is older is refused.",
    )


class Inbox(Protocol):
    """The events that were received and are kept, numbered from 1 in the order of their arrival."""

    def after(self, number: int, most: int) -> Sequence[tuple[int, Entity]]:
        """Return events behind a number, with their numbers."""
        ...

    def last(self) -> int:
        """Return the number of the last event that arrived, 0 before the first."""
        ...


class WebhookSubscriber(SubscriberBase):
    """The events in an inbox, or the object called ``entity`` inside each of them."""

    json = True
    resumes = True
    waits = True

    def __init__(self, inbox: Inbox | None = None, *, entity: str | None = None) -> None:
        self.inbox = inbox
        self.entity = entity

    def flow(self) -> Flow[Entity]:
        """Yield all events that are there; there are no requests."""
        yield from (one.entities for one in self.slices())

    def slice_flow(self, cursor: Cursor | None) -> Flow[Slice]:
        """Yield what arrived behind a cursor; there are no requests."""
        yield from ([one] for one in self.slices(cursor))

    def slices(self, cursor: Cursor | None = None, fail: Fail = raise_failure) -> Generator[Slice]:
        """Read what has arrived behind a cursor; an event without the object that is wanted goes to ``fail``.

        What arrives meanwhile is for who reads next, so that there is an end. Raises InputError for a cursor that is
        none, StateError when the inbox cannot be read.
        """
        if self.inbox is None:
            raise InputError("this webhook has no inbox", "Read it through a configuration.")
        number, last = number_of(cursor), self.inbox.last()
        while number < last and (found := self.inbox.after(number, EVENTS_PER_SLICE)):
            number = found[-1][0]
            yield Slice([each for _, event in found for each in self._entities(event, fail)], {"number": number})

    def _entities(self, event: Entity, fail: Fail) -> Iterator[Entity]:
        inner = event.get(self.entity) if self.entity else event
        if isinstance(inner, dict):
            yield inner
        else:
            what = f"the event has no object '{self.entity}'; its webhook must send full objects"
            fail(Failure(event, "", 0, "webhook", "", what))


def number_of(cursor: Cursor | None) -> int:
    """Return the number of the last event that was read; InputError for a cursor of something else."""
    number = (cursor or {"number": 0}).get("number")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise InputError("this is no cursor of a webhook", "Reset it to read from the first event that is kept.")
    return number


def check(fields: WebhookFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what cannot work: a path that can never be called."""
    if fields.path.casefold() in TAKEN_PATHS:
        yield Finding(("path",), f"{fields.path} is answered by haloitsm serve itself", "Choose another one.")
    elif not _PATH.fullmatch(fields.path):
        yield Finding(("path",), "is no path: letters, digits and - . _ ~ behind each slash", "As in /halo/tickets.")


def build(fields: WebhookFields, client: None, chains: Mapping[str, Chain], catalogue: Catalogue) -> WebhookSubscriber:
    """Make the subscriber that the fields describe; who assembles it gives it its inbox."""
    return WebhookSubscriber(entity=fields.entity)


WEBHOOK = Prototype("webhook", "Receives what Halo's webhooks deliver to haloitsm serve.", WebhookFields, build, check)
