"""``haloitsm export``: requests of a configuration or of the catalogue, for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, user_catalogue
from haloitsm_connector.cli.test import NOT_SET
from haloitsm_connector.errors import InputError, suggest

if TYPE_CHECKING:
    from haloitsm_connector.client.fields import HaloClientFields
    from haloitsm_connector.config import Config
    from haloitsm_connector.interchange.notes import Note
    from haloitsm_connector.interchange.to_postman import Exported

ENDING = ".postman_collection.json"

app = typer.Typer(help="Write files for other programs.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _export() -> None:
    """Keep ``postman`` a sub-command although it is the only one."""


@app.command()
def postman(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders of YAML, whose requests are wanted.")
    ] = None,
    target: Annotated[
        Path, typer.Option("--output", "-o", help="The collection; the environment goes beside it.")
    ] = Path(f"halo{ENDING}"),
    entity: Annotated[
        list[str] | None, typer.Option("--entity", "-e", help='Also this operation: "GET /Client/{id}".')
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also all other operations of the catalogue.")] = False,
    client: Annotated[str | None, typer.Option("--client", help="Client of the configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a Postman collection and its environment.

    OAuth 2.0 is set up as in HaloITSM's guide; secrets are variables without a value. The requests are those of the
    configuration's incoming and outgoing, of the operations named with --entity, or of the whole catalogue.
    """
    from haloitsm_connector.config import load
    from haloitsm_connector.interchange import to_postman

    settings: Settings = context.obj
    catalogue = user_catalogue()
    if not (paths or entity or everything):
        raise InputError("nothing to export is named", "Name a configuration, operations with --entity, or --all.")
    chosen = [catalogue.find(name) for name in entity or ()]
    if everything:
        chosen = [*chosen, *(one for one in catalogue.operations() if one not in chosen)]
    wanted = to_postman.of_operations(catalogue, chosen)
    notes: list[Note] = []
    fields = None
    if paths:
        config = load(paths, environ=settings.environ, catalogue=catalogue, stand_in=NOT_SET)
        name = _client(config, client)
        requests, notes = to_postman.of_config(config, name, NOT_SET)
        wanted, fields = [*requests, *wanted], _known(config.clients[name].fields)
    made = to_postman.exported(target.name.removesuffix(ENDING).removesuffix(".json"), wanted, fields, catalogue, notes)
    beside = target.with_name(f"{target.name.removesuffix(ENDING).removesuffix('.json')}.postman_environment.json")
    for path, document in ((target, made.collection), (beside, made.environment)):
        path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", "utf-8")
    _report(target, beside, len(wanted), made, as_json)


def _client(config: Config, name: str | None) -> str:
    """Return the client whose requests are exported; InputError when several could be meant, or none is there."""
    names = [each for each, client in config.clients.items() if client.prototype.name == "haloitsm"]
    if name is not None and name not in names:
        raise InputError(
            f"there is no HaloITSM client '{name}'", suggest(name, names) or f"Declared: {', '.join(names)}."
        )
    if name is None and len(names) > 1:
        raise InputError(
            f"there are {len(names)} HaloITSM clients, and a collection signs in with one",
            f"Choose it with --client: {', '.join(names)}.",
        )
    if not names:
        raise InputError("the configuration declares no HaloITSM client", "Declare one under 'clients:'.")
    return name or names[0]


def _known(fields: Any) -> HaloClientFields:
    """Return a client's fields without what stands for variables that are not set."""
    filled = {name: "" for name in ("base_uri", "tenant") if NOT_SET in str(getattr(fields, name) or "")}
    authentication = fields.authentication
    unset = {name: "" for name, value in authentication if value == NOT_SET}
    made: HaloClientFields = fields.model_copy(
        update={**filled, "authentication": authentication.model_copy(update=unset)}
    )
    return made


def _report(target: Path, beside: Path, count: int, made: Exported, as_json: bool) -> None:
    from haloitsm_connector.interchange.notes import gathered

    if as_json:
        output.show_json(
            {"collection": str(target), "environment": str(beside), "requests": count, "notes": made.notes}
        )
        return
    output.say(f"Wrote {output.counted(count, 'request')} to {target}, and the variables they use to {beside}.")
    for line in gathered(made.notes):
        output.say(line)
    values = made.environment["values"]
    empty = [
        one["key"] for one in values if not one["value"] and one["key"] not in ("access_token", "writes", "tenant")
    ]
    if empty:
        output.say(f"Fill in, in Postman: {', '.join(empty)}. POST and DELETE are sent once writes is set to send.")
