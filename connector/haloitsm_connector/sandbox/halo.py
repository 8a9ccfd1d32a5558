"""The sandbox without a socket: one request in, one answer out."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.sandbox import details, filters, lists, special
from haloitsm_connector.sandbox.answers import Answer, Asked, answer, flag
from haloitsm_connector.sandbox.attachments import file_answer, uploaded
from haloitsm_connector.sandbox.auth import Credentials, Tokens, caller, discovery, token_answer, unauthorised
from haloitsm_connector.sandbox.changes import make_changes
from haloitsm_connector.sandbox.data import own_data
from haloitsm_connector.sandbox.errors import Refusal, refused, shaped
from haloitsm_connector.sandbox.faults import Change
from haloitsm_connector.sandbox.journal import Effect
from haloitsm_connector.sandbox.quirks import Quirks
from haloitsm_connector.sandbox.rows import UNDECLARED, custom_fields, hidden_in_details, hidden_in_rows, shown
from haloitsm_connector.sandbox.seed.builders import BUILDERS, NEEDS
from haloitsm_connector.sandbox.seed.world import Record, World, guid, stamp
from haloitsm_connector.sandbox.tables import Shape, Tables, collection, shapes
from haloitsm_connector.sandbox.values import sample
from haloitsm_connector.sandbox.webhooks import Sent, delivered, told
from haloitsm_connector.sandbox.writes import Desk, decoded, deleted, posted

_SEEDED_AT = datetime(2026, 3, 2, 9, 30)
_ROWS_WITHOUT_DATA = 3


class Halo:
    """The state of a sandbox and how it answers; ``quirks`` may be replaced while it runs.

    ``effects`` gathers what happened to records until it is taken away; ``violations`` counts requests over the rate
    limit by caller.
    """

    def __init__(
        self, catalogue: Catalogue, credentials: Credentials, quirks: Quirks, *, seed: int, scale: float,
        now: datetime | None, data: Path | str | Mapping[str, Any] | None,
    ) -> None:  # fmt: skip
        self.catalogue, self.credentials, self.quirks = catalogue, credentials, quirks
        self.base_uri = ""
        self.tokens = Tokens(seed)
        operations = list(catalogue.operations())
        self._routes = catalogue.routes
        self._clock: Callable[[], datetime] = (lambda: now) if now else (lambda: datetime.now(UTC).replace(tzinfo=None))
        self.tables = Tables(shapes(operations), self._first_records)
        self._data = own_data(data, self.tables.shapes, catalogue)
        self._world = World(seed, scale, now or _SEEDED_AT, self.tables.first)
        self._chance = Random(f"{seed}/ids")  # noqa: S311 - ids of made-up data
        self._errors = 0
        self._recent: deque[float] = deque()
        self.violations: Counter[str] = Counter()
        self.effects: list[Effect] = []

    def answer(self, asked: Asked) -> Answer:
        """Answer one request, whatever it is."""
        if self.quirks.rate_limit is not None and (limited := self._limited(self.quirks.rate_limit, asked)):
            return limited
        server, _, path = asked.path.lstrip("/").partition("/")
        if server.casefold() == "auth":
            return self._authorisation(asked, path.casefold())
        if server.casefold() != "api":
            return shaped("html", "Not Found", 404)
        operations, values = self._routes.find(path)
        if not operations:
            return shaped("empty", "", 404)
        operation = operations.get(asked.method)
        if operation is None:
            return Answer(405, content_type="", headers={"Allow": ", ".join(operations)})
        family = operation.path.split("/")[1]
        stopped = unauthorised(asked, operation.name, family, self.credentials, self.tokens, self.quirks)
        if stopped and operation.path != "/AuthInfo":
            return stopped
        try:
            return self._operate(asked, operation, values)
        except Refusal as refusal:
            self._errors += 1
            return refused(refusal, family, self.quirks, self._errors - 1)

    def _authorisation(self, asked: Asked, path: str) -> Answer:
        if path == "token":
            return token_answer(asked, self.credentials, self.tokens, self.quirks)
        if path == ".well-known/openid-configuration" and asked.method == "GET":
            return answer(discovery(self.base_uri))
        return shaped("empty", "", 404)

    def _limited(self, limit: int, asked: Asked) -> Answer | None:
        """Count this request; past the limit answer 429 (halo-api-facts 6)."""
        now, window = time.monotonic(), self.quirks.rate_window_seconds
        while self._recent and self._recent[0] <= now - window:
            self._recent.popleft()
        if len(self._recent) < limit:
            self._recent.append(now)
            return None
        self.violations[caller(asked, self.tokens)] += 1
        text = f"Rate Limit Reached - {limit} Requests per rolling {window / 60:g} minute window"
        refusal = shaped(self.quirks.rate_limit_body, text, 429)
        wait = {"Retry-After": self.quirks.retry_after} if self.quirks.retry_after is not None else {}
        return Answer(429, refusal.body, refusal.content_type, wait)

    def _operate(self, asked: Asked, operation: Operation, values: tuple[str, ...]) -> Answer:
        shape = self.tables.shapes[collection(operation.path).casefold()]
        for parameter, value in zip(operation.path_parameters, values, strict=True):
            details.check_value(parameter, value, shape.name)
        if operation.method == "POST":
            return self._post(asked, operation, shape, values)
        if operation.method == "DELETE":
            if not values:
                return Answer(200, content_type="")
            key = details.located(shape, values, asked.query, self.tables, self.quirks)
            return deleted(self._desk(shape), key)
        if record := special.single(operation, self.base_uri, self.credentials.tenant, self.tables):
            return answer(self._shown(shape, record, asked))
        if operation.listing is not None and not values:
            return self._list(asked, operation, shape)
        return self._one(asked, operation, shape, values)

    def _list(self, asked: Asked, operation: Operation, shape: Shape) -> Answer:
        query, table = asked.query, lists.switched_table(shape.name.casefold(), asked.query)
        shape = self.tables.shapes[table]
        rows = [] if lists.unanswerable(operation, query) else list(self.tables[table].values())
        if flag(query, "deleted"):
            rows = list(self.tables.bin.get(shape.name, {}).values())
        rows = filters.matching(
            rows, operation, query, table, me=special.ME, now=self._clock(),
            recently_closed_days=self.quirks.recently_closed_days,
        )  # fmt: skip
        if not rows and table == "attachment/image":
            raise Refusal("There are none", status=404, shape="empty")
        rows = filters.ordered(rows, query, self.quirks.newest_first)
        body = lists.listed(operation, table, query, rows, self.quirks, lambda page: self._rows(page, shape, query))
        return answer(body)

    def _rows(self, page: list[Record], shape: Shape, query: Mapping[str, str]) -> list[Record]:
        """Render the rows of one page."""
        if flag(query, "idonly"):
            return [{"id": row.get("id")} for row in page]
        if flag(query, "ticketidonly"):
            names = ("id", "sla_id", "status_id", "client_id", "client_name", "lastincomingemail")
            return [{name: row.get(name) for name in names} for row in page]
        table = shape.name.casefold()
        hidden = hidden_in_rows(table, query)
        known = None
        if shape.row and shape.row != shape.detail:
            known = self.catalogue.fields(shape.row).keys() | UNDECLARED.get(table, set())
        rows = [shown(row, hidden, known, self.quirks.omit_nulls) for row in page]
        if wanted := query.get("include_custom_fields"):
            for row, record in zip(rows, page, strict=True):
                row["customfields"] = custom_fields(record, wanted)
        return rows

    def _one(self, asked: Asked, operation: Operation, shape: Shape, values: tuple[str, ...]) -> Answer:
        if not values:
            record = next(iter(self.tables[shape.name].values()), {}) if operation.record else {}
            return answer(self._shown(shape, record, asked))
        if (found := special.by_path(operation, values, self.tables)) is not None:
            return answer(found)
        key = details.located(shape, values, asked.query, self.tables, self.quirks)
        record = self.tables[shape.name][key]
        if operation.binary:
            return file_answer(shape.name, record)
        return answer(self._shown(shape, record, asked) | special.loaded(shape.name, record, asked.query, self.tables))

    def _shown(self, shape: Shape, record: Record, asked: Asked) -> Record:
        return shown(record, hidden_in_details(shape.name.casefold(), asked.query), None, self.quirks.omit_nulls)

    def _post(self, asked: Asked, operation: Operation, shape: Shape, values: tuple[str, ...]) -> Answer:
        if operation.body is None or operation.body == "string":
            if operation.body:
                decoded(asked, operation)
            return self._without_record(operation, shape, values, asked)
        if operation.body == "multipart":
            return self._upload(asked, shape)
        if shape.name == "Report" and (found := special.ad_hoc(decoded(asked, operation), self.tables)):
            return answer(found, self.quirks.write_status)
        return posted(asked, operation, self._desk(shape))

    def _without_record(self, operation: Operation, shape: Shape, values: tuple[str, ...], asked: Asked) -> Answer:
        """A POST that only triggers something: 200 without content, or the file it makes."""
        if not operation.binary:
            return Answer(200, content_type="")
        owner = self.tables.shapes.get(shape.name.casefold().partition("/")[0], shape)
        key = details.located(owner, values, asked.query, self.tables, self.quirks)
        return file_answer(shape.name, self.tables[owner.name][key])

    def _upload(self, asked: Asked, shape: Shape) -> Answer:
        """Keep an uploaded image as an attachment; other multipart operations take anything."""
        if shape.name.casefold() != "attachment/image":
            return Answer(200, content_type="")
        record = uploaded(asked)
        if record is None:
            raise Refusal("A form field named file is wanted", field="file")
        number = guid(self._chance)
        owners = {name: asked.query.get(name, "") for name in ("ticket_id", "action_id")}
        record |= {name: int(text) for name, text in owners.items() if text.isdecimal() and len(text) < 10}
        record |= {"id": number, "isimage": True, "datecreated": stamp(self._clock())}
        record["link"] = f"{self.base_uri}/api/Attachment/image/{number}"
        self.tables[shape.name][number] = record
        self._desk(shape).did("created", number)
        return answer(self._shown(shape, record, asked), self.quirks.write_status)

    def _desk(self, shape: Shape) -> Desk:
        fields = self.catalogue.fields(shape.detail) if shape.detail else {}
        return Desk(self.tables, self.quirks, self._clock(), shape, fields, self._chance, self.effects)

    def deliveries(self, effects: Iterable[Effect]) -> list[Sent]:
        """Return what webhooks are to deliver of what happened (halo-api-facts 7)."""
        return list(told(effects, self.tables, self._clock(), self._chance))

    async def deliver(self, sent: Sent) -> None:
        """Deliver to a webhook and write it into its log."""
        row = await delivered(sent, self._clock(), self._chance)
        self.tables["WebhookEvent"][row["id"]] = row

    def change(self, change: Change, chance: Random) -> None:
        """Change rows of a table behind the clients' back."""
        desk = replace(self._desk(self.tables.shapes[change.table.casefold()]), by="fault")
        make_changes(change, desk, chance)

    def _first_records(self, shape: Shape) -> Iterable[Record]:
        """Give a table its first records: the user's own, else those of the seed, else made up from its schema."""
        if (given := self._data.get(shape.name)) is not None:
            return given
        if build := BUILDERS.get(shape.name):
            return build(self._world) if all(map(self.tables.first, NEEDS.get(shape.name, ()))) else ()
        chance = self._world.chance(shape.name)
        fields = self.catalogue.fields(shape.detail) if shape.detail else {}
        return (sample(fields, shape, self._world, chance, number) for number in range(1, _ROWS_WITHOUT_DATA + 1))
