"""``haloitsm get``, ``post`` and ``delete``: one request, as one would send it from Postman."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import single_client, user_catalogue
from haloitsm_connector.errors import InputError, StatusError, suggest

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient, Response

Target = Annotated[str, typer.Argument(help='A path (/Actions/AC12) or an entity ("GET /Actions/{id}").')]
PathValues = Annotated[list[str] | None, typer.Option("--path", "-p", help="Path value, as id=AC12.")]
QueryValues = Annotated[list[str] | None, typer.Option("--query", "-q", help="Query value, as count=5.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration; halo.yaml when it exists.")]
ClientName = Annotated[str | None, typer.Option("--client", help="Client of the configuration.")]
Save = Annotated[Path | None, typer.Option("--output", "-o", help="Write the answer's bytes to this file.")]
Data = Annotated[str | None, typer.Option("--data", "-d", help="JSON, @FILE, or @- for standard input.")]


def get(
    context: typer.Context,
    target: Target,
    path: PathValues = None,
    query: QueryValues = None,
    config: Config = None,
    client: ClientName = None,
    save: Save = None,
) -> None:
    """Send one GET and print the answer."""
    with single_client(context.obj, config, client) as sender:
        _send(sender, "GET", target, path, query, save)


def post(
    context: typer.Context,
    target: Target,
    data: Data = None,
    path: PathValues = None,
    query: QueryValues = None,
    config: Config = None,
    client: ClientName = None,
    save: Save = None,
) -> None:
    """Send one POST and print the answer."""
    payload = _payload(data)
    with single_client(context.obj, config, client) as sender:
        _send(sender, "POST", target, path, query, save, payload)


def delete(
    context: typer.Context,
    target: Target,
    path: PathValues = None,
    query: QueryValues = None,
    config: Config = None,
    client: ClientName = None,
    save: Save = None,
) -> None:
    """Send one DELETE and print the answer."""
    with single_client(context.obj, config, client) as sender:
        _send(sender, "DELETE", target, path, query, save)


def _payload(data: str | None) -> Any:
    if data is None:
        return None
    source = data
    try:
        if data == "@-":
            source = sys.stdin.read()
        elif data.startswith("@"):
            source = Path(data[1:]).read_text("utf-8")
        return json.loads(source)
    except OSError as error:
        raise InputError(f"cannot read {data[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"--data is not JSON: {error}", "Use @FILE to read it from a file.") from error


def _send(
    client: HttpClient,
    method: str,
    target: str,
    path: list[str] | None,
    query: list[str] | None,
    save: Path | None,
    payload: Any = None,
) -> None:
    from haloitsm_connector.client.reason import status_error
    from haloitsm_connector.client.request import Request, encode_query

    address = _address(method, target, pairs("--path", path), client)
    request = Request(method, address, encode_query(pairs("--query", query)), payload)
    output.say(f"{request.method} {client.url(request)}")
    response = client.send(request)
    output.say(f"{response.status}, {len(response.body)} bytes, {response.seconds * 1000:.0f} ms")
    if not 200 <= response.status < 300 and not client.normal(response.status):
        raise _with_suggestion(status_error(response, method), address)
    _show(response, save)


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Read the values of an option that is given as NAME=VALUE, any number of times."""
    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=f"'{option}'")
        if name in pairs:
            raise typer.BadParameter(f"{name!r} is given twice", param_hint=f"'{option}'")
        pairs[name] = value
    return pairs


def _address(method: str, target: str, values: dict[str, str], client: HttpClient) -> str:
    """Return the path to ask: as it is written, or that of the entity, its placeholders filled."""
    from haloitsm_connector.catalogue import UnknownOperation
    from haloitsm_connector.client.request import fill_path, placeholders

    literal = "{" not in target and not values
    if literal and target.startswith(("/", "https://", "http://")):
        return _below_api(target, client)
    try:
        template = user_catalogue().find(target, methods=(method,)).path
    except UnknownOperation:
        if literal and not any(map(str.isspace, target)) and ("/" in target or "?" in target):
            return _below_api(f"/{target}", client)
        raise
    if missing := [name for name in placeholders(template) if name not in values]:
        raise InputError(
            f"{method} {template} needs a value for '{missing[0]}'", f"Give it with -p {missing[0]}=VALUE."
        )
    return fill_path(template, values)


def _below_api(path: str, client: HttpClient) -> str:
    """Take off a leading ``/api`` that the client's own address ends in already."""
    doubled = path.casefold().startswith("/api/") and client.api_uri.endswith("/api")
    return path[4:] if doubled else path


def _with_suggestion(error: StatusError, address: str) -> StatusError:
    """Add the path that was probably meant, where Halo knows no route that begins like this one."""
    first = "/" + address.strip("/").partition("/")[0].partition("?")[0]
    known = {f"/{operation.path.split('/')[1]}" for operation in user_catalogue().operations()}
    if error.status == 404 and first.casefold() not in map(str.casefold, known) and (meant := suggest(first, known)):
        error.hint = f"Halo has no {first}. {meant}"
    return error


def _show(response: Response, save: Path | None) -> None:
    if save:
        save.write_bytes(response.body)
        output.say(f"Wrote {save}.")
    elif not response.body:
        return
    elif "json" in response.media_type:
        output.show_json(response.json())
    elif response.media_type.startswith("text/") or not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(response.body)
    else:
        output.say("The answer is not text; write it to a file with --output FILE.")
