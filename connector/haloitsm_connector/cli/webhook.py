"""``haloitsm webhook``: have Halo deliver events to a configuration's webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, Sure, user_catalogue
from haloitsm_connector.errors import ConnectorError, InputError

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient
    from haloitsm_connector.config import Config
    from haloitsm_connector.subscriber.webhook import WebhookFields

app = typer.Typer(help="Have Halo deliver events to webhooks.", no_args_is_help=True, rich_markup_mode=None)

Configuration = Annotated[Path, typer.Argument(metavar="PATH", help="File or folder of YAML.")]
ClientName = Annotated[str | None, typer.Option("--client", help="Client of the configuration, where it has several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def register(
    context: typer.Context,
    path: Configuration,
    incoming: Annotated[str, typer.Argument(help="The incoming whose subscriber is a webhook.")],
    url: Annotated[str, typer.Option(help="Where Halo reaches haloitsm serve: https://hooks.acme.com.")],
    events: Annotated[
        list[int] | None,
        typer.Option("--event", metavar="NUMBER", help="Number of an event of Halo; 61, a ticket is updated, if none."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name in Halo; else that of the incoming.")] = None,
    client: ClientName = None,
    sure: Sure = False,
) -> None:
    """Create a webhook in Halo that delivers to an incoming.

    Shows what will be created, and asks. Conditions and what the payload holds are set in Halo, under Configuration >
    Integrations > Webhooks. `haloitsm webhook list` shows the numbers of events that other webhooks have.
    """
    from haloitsm_connector.serve import registration

    settings: Settings = context.obj
    config = _loaded(settings, path)
    body = registration.webhook(_fields(config, incoming), name or f"haloitsm {incoming}", url)
    numbers = events or [registration.TICKET_UPDATED]
    with _client(settings, config, client) as halo:
        _refuse_second(halo, body["url"])
        shown = body | ({"basic_password": "***"} if "basic_password" in body else {})
        output.say(f"POST {halo.api_uri}/Webhook\n{output.json_text([shown])}")
        output.say(
            f"POST {halo.api_uri}/Notification\n{output.json_text([registration.rule('…', n) for n in numbers])}"
        )
        _ask("Create it?", sure)
        made = _only(_sent(halo, "POST", "/Webhook", [body]))
        try:
            _sent(halo, "POST", "/Notification", [registration.rule(made["id"], number) for number in numbers])
        except ConnectorError as error:
            hint = f"haloitsm webhook remove {path} {made['id']} removes it."
            error.what = f"webhook {made['id']} was created, but is told of no event yet: {error.what}"
            error.hint = f"{error.hint} {hint}".strip()
            raise
    output.show(str(made["id"]))
    output.say(f"Created; Halo delivers to {body['url']}.")


@app.command("list")
def list_(context: typer.Context, path: Configuration, client: ClientName = None, as_json: AsJson = False) -> None:
    """List the webhooks in Halo, and the events that each is told of."""
    settings: Settings = context.obj
    with _client(settings, _loaded(settings, path), client) as halo:
        found = [one | {"rules": _rules(halo, one["id"])} for one in _sent(halo, "GET", "/Webhook")]
    if as_json:
        output.show_json([{**one, "basic_password": "***"} if one.get("basic_password") else one for one in found])
        return
    rows = [
        (one["id"], one.get("name"), one.get("url"), "yes" if one.get("active") else "no", _numbers(one["rules"]))
        for one in found
    ]
    output.table(("id", "name", "url", "active", "events"), rows)


@app.command()
def remove(
    context: typer.Context,
    path: Configuration,
    id: Annotated[str, typer.Argument(help="Id of the webhook, as webhook list shows it.")],
    client: ClientName = None,
    sure: Sure = False,
) -> None:
    """Remove a webhook from Halo, with the rules that tell it of events."""
    settings: Settings = context.obj
    with _client(settings, _loaded(settings, path), client) as halo:
        found = next((one for one in _sent(halo, "GET", "/Webhook") if one["id"] == id), None)
        if found is None:
            raise InputError(f"there is no webhook {id}", "haloitsm webhook list shows those that there are.")
        rules = _rules(halo, id)
        output.say(f"{found.get('name')}: {found.get('url')}, events {_numbers(rules) or 'none'}")
        _ask("Remove it?", sure)
        for rule in rules:
            _sent(halo, "DELETE", f"/Notification/{rule['id']}")
        _sent(halo, "DELETE", f"/Webhook/{id}")
    output.say("Removed.")


def _loaded(settings: Settings, path: Path) -> Config:
    from haloitsm_connector.config import load

    return load([path], environ=settings.environ, catalogue=user_catalogue())


def _fields(config: Config, incoming: str) -> WebhookFields:
    from haloitsm_connector.assemble import declared
    from haloitsm_connector.subscriber.webhook import WebhookFields

    fields = declared(config.incoming, "incoming", incoming).subscriber.fields
    if not isinstance(fields, WebhookFields):
        raise InputError(f"incoming '{incoming}' receives nothing", "Its subscriber is of another prototype: webhook.")
    return fields


def _client(settings: Settings, config: Config, name: str | None) -> HttpClient:
    from haloitsm_connector.assemble import build_client

    names = [each for each, part in config.clients.items() if part.prototype.name == "haloitsm"]
    if name is None and len(names) != 1:
        what = f"the configuration declares {len(names) or 'no'} clients of prototype 'haloitsm'"
        raise InputError(what, f"Choose one with --client: {', '.join(names)}." if names else "Declare one.")
    return build_client(config, name or names[0], http_log=settings.http_log)


def _refuse_second(halo: HttpClient, url: str) -> None:
    for one in _sent(halo, "GET", "/Webhook"):
        if one.get("url") == url:
            what = f"webhook {one['id']} ({one.get('name')}) delivers to {url} already"
            raise InputError(what, f"Remove it first: haloitsm webhook remove … {one['id']}.")


def _rules(halo: HttpClient, webhook_id: str) -> list[dict[str, Any]]:
    found = _sent(halo, "GET", "/Notification", query=(("webhook_id", webhook_id), ("showall", "true")))
    return [rule for rule in found if rule.get("webhook_id") == webhook_id]


def _numbers(rules: Sequence[dict[str, Any]]) -> str:
    return ", ".join(str(rule.get("eventno")) for rule in rules)


def _ask(question: str, sure: bool) -> None:
    if not (sure or typer.confirm(question, err=True)):
        output.say("Nothing was changed.")
        raise typer.Exit(1)


def _sent(
    halo: HttpClient, method: str, path: str, payload: Any = None, query: tuple[tuple[str, str], ...] = ()
) -> Any:
    """Send one request and return what was answered; a RemoteError says what went wrong."""
    from haloitsm_connector.client.body import read_value, refuse_error
    from haloitsm_connector.client.reason import status_error
    from haloitsm_connector.client.request import Request

    response = halo.send(Request(method, path, query, payload))
    if not 200 <= response.status < 300:
        raise status_error(response, method)
    value = read_value(response)
    refuse_error(value, response)
    return value


def _only(made: Any) -> dict[str, Any]:
    record: dict[str, Any] = made[-1] if isinstance(made, list) else made
    return record
