"""Requests of a browser become a configuration: what it saved an outgoing, of exactly the fields that changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.client.uri import halo_uri, host_of
from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.captured import Captured
from haloitsm_connector.interchange.draft import Draft, payload_template
from haloitsm_connector.interchange.halo_address import Address, Asked, Matcher, address, is_hosted
from haloitsm_connector.interchange.placeholders import Variables, holds_secret, literal, payload_variable, scalar
from haloitsm_connector.interchange.saves import Current, History, Record, Save, latest

CLIENT = "halo"
_CREDENTIALS = {"authorization": "tokens", "cookie": "cookies", "x-halo-api-key": "API keys"}
_IN_A_NAME = 3
"""Fields that the name of an outgoing tells."""


@dataclass(frozen=True, slots=True)
class Found:
    """What requests of a browser hold: the address of the Halo, the saves, and the draft of a configuration."""

    base_uri: str
    saves: list[Save]
    draft: Draft = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Taken:
    captured: Captured
    address: Address
    asked: Asked


def from_browser(
    requests: Sequence[Captured], source: str, folder: Path, catalogue: Catalogue, *,
    base_uri: str = "", current: Current | None = None, reads: bool = False,
) -> Found:  # fmt: skip
    """Find the writes to one Halo, and draft the configuration that does the same.

    ``current`` reads a record as it is now. ``reads`` takes GETs along, too. InputError where no
    request goes to a Halo, or they go to several.
    """
    draft = Draft(source, folder)
    matcher = Matcher(catalogue)
    chosen = halo_uri(base_uri).casefold() if base_uri else _halo(requests, matcher)
    taken = _taken(requests, chosen, matcher, draft, reads)
    history = History(current)
    saves: list[Save] = []
    for one in taken:
        match one.asked.operation.method:
            case "POST":
                found = history.saves(one.captured, one.asked, one.address.query)
                saves += found
                if not found:
                    draft.note(f"{one.captured.where}, {one.asked.operation.name}", "sends no records: left out")
            case "DELETE":
                _add_delete(draft, one)
            case _:
                history.seen(one.captured, one.asked, one.address.query)
                if reads:
                    _add_read(draft, one)
    _add_saves(draft, saves)
    if draft.routes:
        _add_client(draft, chosen)
    return Found(chosen, saves, draft)


def _halo(requests: Sequence[Captured], matcher: Matcher) -> str:
    """Return the address of the one Halo that requests go to."""
    bases: Counter[str] = Counter()
    for captured in requests:
        found = address(captured.url)
        if found and matcher.find(captured.method, found.path):
            bases[found.base.casefold()] += 1
    hosted = [base for base in bases if is_hosted(base)]
    if len(hosted or list(bases)) == 1:
        return (hosted or list(bases))[0]
    if bases:
        raise InputError(f"requests go to {len(bases)} systems", f"Choose one with --base-uri: {', '.join(bases)}.")
    hosts = sorted({host_of(one.url) for one in requests} - {""})
    hint = f"Requests go to: {', '.join(hosts[:5])}." if hosts else "There are no requests in it."
    raise InputError("no request goes to the API of a Halo", hint)


def _taken(requests: Sequence[Captured], base_uri: str, matcher: Matcher, draft: Draft, reads: bool) -> list[_Taken]:
    """Return the requests that are of use; what is left out is noted, with what kinds of credentials they carried."""
    taken = []
    carried: Counter[str] = Counter()
    for captured in requests:
        if host_of(captured.url).casefold() != host_of(base_uri).casefold():
            draft.note(host_of(captured.url) or "addresses without a host", "another host: its requests are left out")
            continue
        carried.update(
            {_CREDENTIALS[name.casefold()] for name, _ in captured.headers if name.casefold() in _CREDENTIALS}
        )
        found = address(captured.url)
        asked = matcher.find(captured.method, found.path) if found and found.base.casefold() == base_uri else None
        if found is None or asked is None:
            if captured.method not in {"GET", "OPTIONS", "HEAD"} or reads:
                path = urlsplit(captured.url).path
                draft.note(f"{captured.method} {path}", "no operation of Halo's API in the catalogue: left out")
        elif captured.method != "GET" and captured.status is not None and not 200 <= captured.status < 300:
            reason = f"was refused ({captured.status})" if captured.status else "got no answer"
            draft.note(f"{captured.where}, {asked.operation.name}", f"{reason}: left out")
        else:
            where = f"{captured.where}, {asked.operation.name}" if reads or captured.method != "GET" else ""
            taken.append(_Taken(captured, _without_secrets(found, draft, where), asked))
    for kind, count in sorted(carried.items()):
        draft.note(
            f"the {kind} of {count} requests" if count > 1 else f"the {kind}", "left out: the client signs in by itself"
        )
    return taken


def _without_secrets(found: Address, draft: Draft, where: str) -> Address:
    """Return an address without the secrets in its query; what is left out is noted, where it is told ``where``."""
    for name in [name for name, value in found.query if where and holds_secret(name, value)]:
        draft.note(where, f"its query parameter {name} holds a secret: left out")
    return replace(found, query=[pair for pair in found.query if not holds_secret(*pair)])


def _add_client(draft: Draft, base_uri: str) -> None:
    draft.clients[CLIENT] = {
        "prototype": "haloitsm",
        "base_uri": f"${{HALO_BASE_URI:-{base_uri}}}",
        "tenant": "${HALO_TENANT:-}",
        "authentication": {
            "type": "client_credentials",
            "client_id": "${HALO_CLIENT_ID}",
            "client_secret": "${HALO_CLIENT_SECRET}",
        },
    }
    draft.values |= {"HALO_CLIENT_ID": "", "HALO_CLIENT_SECRET": ""}


@dataclass(frozen=True, slots=True)
class _Sending:
    """A save, the fields to send as rows hold them, and the secrets to send as variables."""

    save: Save
    fields: Record
    secrets: Mapping[str, str]


def _add_saves(draft: Draft, saves: Sequence[Save]) -> None:
    """Add an outgoing for each set of fields that were saved; the records are its rows."""
    groups: dict[tuple[Any, ...], list[_Sending]] = {}
    variables = Variables()
    for save in latest(saves):
        where = f"{save.where}, {_called(save)}"
        if not save.chosen:
            draft.note(where, "nothing changed: left out")
            continue
        if save.basis == "nothing":
            draft.note(where, _NOTHING_KNOWN)
        if save.doubtful:
            draft.note(where, f"{', '.join(save.doubtful)} perhaps changed, too: {_NOT_SENT}. {_TO_KNOW}")
        sending = _sending(draft, save, where, variables)
        if sending.fields or sending.secrets:
            named = (save.operation.name, *sending.fields, bool(save.key), *sending.secrets.items())
            groups.setdefault((*named, *save.path.items(), *save.query), []).append(sending)
    for alike in groups.values():
        _add_group(draft, alike)


_TO_KNOW = "Record the opening of the record too, or save twice"
_NOTHING_KNOWN = (
    "nothing is known of the record before, so every field that was sent is in the payload. "
    f"{_TO_KNOW}, or use --connect"
)
_NOT_SENT = "left out of the payload, as only a part of the record is known, such as a row of a list"


def _sending(draft: Draft, save: Save, where: str, variables: Variables) -> _Sending:
    """Part what a save sends: texts that are secret become variables; values with a secret inside are left out."""
    fields: Record = {}
    secrets: dict[str, str] = {}
    for name, value in save.chosen.items():
        if not holds_secret(name, value):
            fields[name] = value
        elif isinstance(value, str):
            variable = secrets[name] = variables.kept(value, payload_variable(name))
            draft.values[variable] = ""
            draft.purposes[variable] = f"the field {name} of {save.operation.name}"
        else:
            draft.note(where, f"its field {name} has a secret inside: left out")
    return _Sending(save, fields, secrets)


def _add_group(draft: Draft, group: list[_Sending]) -> None:
    first, secrets = group[0].save, group[0].secrets
    rows: list[Record] = [{**one.save.key, **one.fields} for one in group]
    template = payload_template(rows)
    if secrets:
        hidden = {name: f"${{{variable}}}" for name, variable in secrets.items()}
        template = {**{name: f"{{{{ {name} }}}}" for name in rows[0]}, **hidden}
    publisher = _publisher(first.operation, first.path, [pair for pair in first.query if pair[1]])
    noun = first.operation.path.split("/")[1]
    names = " ".join([*group[0].fields, *secrets][:_IN_A_NAME])
    draft.write(f"{'update' if first.key else 'create'} {noun} {names}", {**publisher, "payload": template}, rows)


def _publisher(operation: Operation, path: Any, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    publisher: dict[str, Any] = {"prototype": "haloitsm", "client": CLIENT, "entity": operation.name}
    if path:
        publisher["path"] = {name: scalar(literal(value, True)) for name, value in path.items()}
    if query:
        publisher["query"] = _parameters(query, template=True)
    return publisher


def _parameters(query: Sequence[tuple[str, str]], *, template: bool) -> dict[str, Any]:
    """Return query values as a configuration has them."""
    return {name: scalar(literal(value, template)) for name, value in query}


def _add_delete(draft: Draft, one: _Taken) -> None:
    publisher = _publisher(one.asked.operation, {}, one.address.query)
    publisher["path"] = {name: f"{{{{ {name} }}}}" for name in one.asked.path}
    row = {name: scalar(value) for name, value in one.asked.path.items()}
    draft.write(f"delete {one.asked.operation.path.split('/')[1]}", publisher, [row])


def _add_read(draft: Draft, one: _Taken) -> None:
    operation = one.asked.operation
    query = [pair for pair in one.address.query if pair[0] not in {"pageinate", "page_no", "page_size"}]
    if len(query) < len(one.address.query) and operation.listing:
        draft.note(one.captured.where, "asks for one page: all pages are read")
    else:
        query = one.address.query
    path = {name: scalar(literal(value, False)) for name, value in one.asked.path.items()}
    parameters = {name: part for name, part in (("path", path), ("query", _parameters(query, template=False))) if part}
    subscriber: dict[str, Any] = {"prototype": "haloitsm", "client": CLIENT, "entity": operation.name}
    draft.read(operation.label, {**subscriber, **({"request_parameters": parameters} if parameters else {})})


def _called(save: Save) -> str:
    key = " ".join(str(value) for value in save.key.values())
    return f"{save.operation.name} {key}".strip()
