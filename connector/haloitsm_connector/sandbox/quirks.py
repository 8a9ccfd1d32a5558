"""Every behaviour of Halo that is unproven, contradictory or differs between servers, as a switch with a default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from haloitsm_connector.errors import InputError, suggest

Shape = Literal[
    "empty", "text", "json_string", "exception", "message", "error", "description", "result_code", "field",
    "model_state", "html",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quirks:
    """The switches of a sandbox; each default is what most sources report (halo-api-facts 11 and 12)."""

    token_lifetime_seconds: int = 3600
    token_true_lifetime_seconds: float | None = None
    """How long a token is really good; None keeps what its answer says."""
    tenant_required: bool = False
    """Refuse a token request that names no tenant; name-based hosts do without (halo-api-facts 1.1)."""
    refresh_tokens: bool = False
    """Hand out a single-use refresh_token with every token (halo-api-facts 1.3)."""
    api_key_refused: tuple[str, ...] = ("POST /Actions",)
    """Operations that answer 401 to X-Halo-Api-Key (halo-api-facts 1.2)."""
    unauthorised_body: Shape = "empty"

    page_size: int = 50
    page_cap: int = 100
    asset_page_cap: int = 50
    count_cap: int = 100_000
    record_count: Literal["right", "absent", "zero", "null"] = "right"
    agent_results: bool = True
    """A paged Agent list answers ``{"results": ...}``; older servers stay with the bare array."""
    newest_first: bool = False
    """Lists without ``order`` run from the highest id down."""
    recently_closed_days: int | None = None
    """A ticket list without open_only or closed_only hides what was closed earlier than this; None shows all."""

    missing_id_status: int = 404
    missing_id_body: Shape = "empty"
    action_id_alone: Literal["refuse", "first"] = "refuse"
    """GET /Actions/7 without ticket_id: refuse it, or answer the first action of that number."""

    write_status: int = 201
    partial_failure: Literal["keep_earlier", "keep_valid", "nothing"] = "keep_earlier"
    """What stays of an array when one of its items is refused: items before it, all others, or nothing."""
    delete_answer: Literal["record", "empty", "no_content"] = "record"
    appointment_renews_id: bool = True
    """An updated appointment comes back under a new id (halo-api-facts 4.1)."""

    error_shape: Literal["family", "rotate"] | Shape = "family"
    """``family``: each part of the API keeps its own error body; ``rotate``: each error has the next shape."""
    omit_nulls: bool = True

    rate_limit: int | None = None
    """Requests per window; None switches the limit off."""
    rate_window_seconds: float = 300.0
    rate_limit_body: Shape = "error"
    retry_after: str | None = None
    """The Retry-After header of a 429: seconds, or an HTTP date, or none."""


def changed(quirks: Quirks, switches: dict[str, Any]) -> Quirks:
    """Return the quirks with these switches set; InputError names an unknown one, or a value it does not take."""
    hints = get_type_hints(Quirks)
    for name, value in switches.items():
        if name not in hints:
            raise InputError(f"The sandbox has no switch '{name}'", suggest(name, hints))
        allowed = _choices(hints[name])
        if allowed and value not in allowed:
            raise InputError(f"The switch '{name}' does not take {value!r}", f"It takes {', '.join(allowed)}.")
    return replace(quirks, **switches)


def _choices(hint: Any) -> tuple[str, ...]:
    """Return the words a Literal type allows, through unions; () for any other type."""
    parts = get_args(hint)
    if all(isinstance(part, str) for part in parts):
        return parts
    return tuple(word for part in parts for word in _choices(part))
