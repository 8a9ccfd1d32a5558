"""What came of one request to write, told from its answer or from the lack of one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from haloitsm_connector.client.body import is_error, read_value
from haloitsm_connector.client.reason import reason, status_error
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.client.retry import perhaps_done
from haloitsm_connector.errors import AnswerError, InputError, LostAnswerError, RemoteError, UnreachableError
from haloitsm_connector.publisher.answer import load_error

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

REPEATABLE_LATER = frozenset({425, 429})
"""Statuses that do not judge what was sent, only the moment."""
ABOUT_ALL = frozenset({401, 403, 405, 415})
"""Statuses that would be the same whatever is sent."""
TOO_MUCH = frozenset({408, 413, 500, 502, 503, 504})
"""Statuses that fewer records at a time may get round."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one request.

    ``status`` is ``done``, ``deleted``, ``skipped`` or one of those of an outcome; ``value`` is the decoded answer,
    ``http_status`` its status, 0 without one. ``divisible``: of several records, some may have another fate by
    themselves. ``heavy``: the server may have had enough of the number of records.
    """

    status: Literal["done", "deleted", "skipped", "refused", "failed", "waiting"]
    reason: str = ""
    value: Any = None
    http_status: int = 0
    divisible: bool = False
    heavy: bool = False


def exchanged(client: HttpClient, request: Request) -> Generator[Request, Response | None, Verdict]:
    """Send a request and tell what came of it; UnreachableError and AuthenticationError concern all that follow."""
    try:
        response = yield request
    except LostAnswerError as error:
        return Verdict("waiting", error.what)
    except UnreachableError as error:
        if not error.sent:
            raise  # nobody is there: the next entity would fare no better
        return Verdict("failed", str(error), divisible=True, heavy=True)
    except AnswerError as error:
        return _untold(request, error)
    except InputError as error:
        return Verdict("refused", str(error), divisible=True)
    assert response is not None, "a flow is sent a response for every request"
    if not 200 <= response.status < 300:
        return _turned_down(client, request, response)
    try:
        value = read_value(response)
    except AnswerError as error:
        return _untold(request, error)
    if is_error(value):
        return Verdict("refused", reason(response), value, response.status, divisible=True)
    if problem := load_error(value):
        return Verdict("refused", response.hide(problem), value, response.status)
    return Verdict("done", "", value, response.status)


def _turned_down(client: HttpClient, request: Request, response: Response) -> Verdict:
    status, value = response.status, _decoded(response)
    if request.method == "DELETE" and status == 404 and response.repeated:
        return Verdict("deleted", "", value, status)
    if request.method == "DELETE" and client.normal(status):
        return Verdict("skipped", f"there was nothing to delete ({status})", value, status)
    error = status_error(response, request.method)
    heavy = status in TOO_MUCH
    if perhaps_done(request, response) and not request.may_repeat:
        return Verdict("waiting", error.what, value, status, heavy=heavy)
    later = status >= 500 or status == 408 or status in REPEATABLE_LATER
    divisible = status not in REPEATABLE_LATER | ABOUT_ALL
    return Verdict("failed" if later else "refused", str(error), value, status, divisible, heavy)


def _untold(request: Request, error: RemoteError) -> Verdict:
    """Tell what an answer means that cannot be read."""
    if request.may_repeat:
        return Verdict("failed", str(error), divisible=True, heavy=True)
    return Verdict("waiting", error.what)


def _decoded(response: Response) -> Any:
    try:
        return read_value(response)
    except AnswerError:
        return None
