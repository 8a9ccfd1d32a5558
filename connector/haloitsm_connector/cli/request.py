"""``haloitsm get``, ``post`` and ``delete``: one request, as one would send it from Postman."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, single_client, user_catalogue
from haloitsm_connector.client.request import Request, Response, encode_query, fill_path
from haloitsm_connector.errors import InputError

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
    _send(context.obj, _request("GET", target, path, query), config, client, save)


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
    _send(context.obj, _request("POST", target, path, query, _payload(data)), config, client, save)


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
    _send(context.obj, _request("DELETE", target, path, query), config, client, save)


def _request(method: str, target: str, path: list[str] | None, query: list[str] | None, payload: Any = None) -> Request:
    values = _pairs("--path", path)
    if target.startswith("/") and "{" not in target and not values:
        address = target
    else:
        address = fill_path(user_catalogue().find(target, methods=(method,)).path, values)
    return Request(method, address, encode_query(_pairs("--query", query)), payload)


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{option} takes NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs


def _payload(data: str | None) -> Any:
    if data is None:
        return None
    source = data
    try:
        if data == "@-":
            source = sys.stdin.read()
        elif data.startswith("@"):
            source = Path(data[1:]).read_text("utf-8")
        return orjson.loads(source)
    except OSError as error:
        raise InputError(f"cannot read {data[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"--data is not JSON: {error}", "Use @FILE to read it from a file.") from error


def _send(settings: Settings, request: Request, config: Path | None, name: str | None, save: Path | None) -> None:
    from haloitsm_connector.client.reason import status_error

    with single_client(settings, config, name) as client:
        output.say(f"{request.method} {client.url(request)}")
        response = client.send(request)
        output.say(f"{response.status}, {len(response.body)} bytes, {response.seconds * 1000:.0f} ms")
        if response.status >= 400 and not client.normal(response.status):
            raise status_error(response, request.method)
        _show(response, save)


def _show(response: Response, save: Path | None) -> None:
    if save:
        save.write_bytes(response.body)
    elif "json" in response.media_type:
        output.json(response.json())
    elif response.body and (response.media_type.startswith("text/") or not sys.stdout.isatty()):
        sys.stdout.buffer.write(response.body)
    elif response.body:
        output.say("The answer is not text; write it to a file with --output FILE.")
