"""Read the rows of a report: a saved one, or SQL that Halo runs without saving it (halo-api-facts 4.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.catalogue.usage import check_query
from haloitsm_connector.client.body import read_value, refuse_error
from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, encode_query, fill_path
from haloitsm_connector.errors import AnswerError, Finding, InputError
from haloitsm_connector.prototypes import Fields, Prototype
from haloitsm_connector.subscriber.base import SubscriberBase
from haloitsm_connector.subscriber.listing import report_rows
from haloitsm_connector.subscriber.paging import answer_of
from haloitsm_transformers import Chain, Entity

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

MOST_ROWS = 50_000
"""Where Halo cuts a report off without a word (halo-api-facts 4.6)."""
ROWS_PER_PAGE = 500
NEITHER_OR_BOTH = "a report is named by its number, or given as SQL"


class ReportSubscriber(SubscriberBase):
    """The rows of the saved report number ``report``, or of ``sql``, which Halo runs and does not save.

    ``query`` are further parameters of a saved report. Reading raises AnswerError for SQL that fails, and for as many
    rows as Halo shows at most, since there may be more: ``accept_cut`` takes them. ``place`` is where the SQL stands,
    for the words of an error. InputError unless one of ``report`` and ``sql`` is given.
    """

    json = True
    client: HttpClient

    def __init__(
        self,
        client: HttpClient,
        report: int | None = None,
        *,
        sql: str | None = None,
        query: Mapping[str, Any] | None = None,
        accept_cut: bool = False,
        place: str = "`sql:`",
    ) -> None:
        if (report is None) == (not sql):
            raise InputError(NEITHER_OR_BOTH, "Give one of `report` and `sql`.")
        self.client = client
        self.accept_cut = accept_cut
        self.report = report
        self.place = place if report is None else f"report {report}"
        self._request = _saved(report, query or {}) if sql is None else _ad_hoc(sql)

    def requests(self) -> Iterator[Request]:
        """Yield the one request that runs the report."""
        yield self._request

    def flow(self) -> Flow[Entity]:
        """Run the report and yield its rows, in pages of 500."""
        response = answer_of((yield self._request))
        if not 200 <= response.status < 300:
            if self.client.normal(response.status):
                return
            error = status_error(response, self._request.method)
            if response.status == 404 and self.report is not None:
                error.hint = f"There is no report {self.report}: `haloitsm get /Report` lists all with their ids."
            raise error
        value = read_value(response)
        refuse_error(value, response)
        body = value[-1] if isinstance(value, list) and value else value
        rows = report_rows(body, response, self.place) if isinstance(body, dict) else None
        if rows is None:
            raise AnswerError(f"{response.url} answered without the rows of a report", url=response.url)
        if len(rows) >= MOST_ROWS and not self.accept_cut:
            what = f"the report has {len(rows)} rows, at which Halo cuts reports off: there may be more"
            hint = "Narrow it, by ranges of ids for instance, or take these rows: --accept-cut, accept_cut: true."
            raise AnswerError(what, hint)
        for start in range(0, len(rows), ROWS_PER_PAGE):
            yield rows[start : start + ROWS_PER_PAGE]


def _saved(report: int | None, query: Mapping[str, Any]) -> Request:
    return Request("GET", fill_path("/Report/{id}", {"id": report}), encode_query({"loadreport": True, **query}))


def _ad_hoc(sql: str) -> Request:
    record = {"name": "Ad hoc", "sql": sql.strip().rstrip("; \n\t"), "_loadreportonly": True}
    return Request("POST", "/Report", payload=[record], repeatable=True)


class ReportFields(Fields):
    """The YAML fields of the subscriber prototype ``report``."""

    client: str = Field(description="Name of the client to use, of prototype haloitsm.")
    report: int | None = Field(None, description="Number of a saved report.")
    sql: str | None = Field(
        None,
        min_length=1,
        description="One SELECT, which Halo runs without saving it; no comment, ORDER BY only beside TOP.",
    )
    query: dict[str, Any] = Field({}, description="Further query parameters of a saved report.")
    accept_cut: bool = Field(
        False, description="Take the first 50,000 rows of a report that may have more; else that is an error."
    )


def check(fields: ReportFields, catalogue: Catalogue) -> Iterable[Finding]:
    """Yield what cannot work: no report, or two; and query parameters that Halo does not document."""
    if (fields.report is None) == (fields.sql is None):
        yield Finding((), NEITHER_OR_BOTH, "Give one of `report` and `sql`.")
    if fields.query and fields.sql is not None:
        yield Finding(("query",), "SQL has no parameters", "Write the values into it.")
    elif fields.query:
        yield from check_query(catalogue.find("GET /Report/{id}"), fields.query, ("query",))


def build(
    fields: ReportFields, client: HttpClient, chains: Mapping[str, Chain], catalogue: Catalogue
) -> ReportSubscriber:
    """Make the subscriber that the fields describe."""
    return ReportSubscriber(
        client, fields.report, sql=fields.sql, query=fields.query, accept_cut=fields.accept_cut
    )  # fmt: skip


REPORT = Prototype("report", "Reads the rows of a saved report, or of SQL.", ReportFields, build, check)
