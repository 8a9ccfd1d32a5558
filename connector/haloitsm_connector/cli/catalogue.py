"""``haloitsm catalogue``: rebuild the facts about Halo's API from one's own instance."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import catalogue_folder
from haloitsm_connector.errors import InputError

app = typer.Typer(help="The facts about Halo's API.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _catalogue() -> None:
    """Keep ``refresh`` a sub-command although it is the only one."""


@app.command()
def refresh(
    source: Annotated[str, typer.Option("--from", help="OpenAPI document of your instance: URL or file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rebuild the catalogue from your own instance.

    It is made from the OpenAPI document of the instance and kept in your configuration folder; delete it there to go
    back to the one that comes with the package.
    """
    from haloitsm_connector.catalogue import refresh as rebuild

    folder = catalogue_folder()
    summary = rebuild(_document(source), folder)
    if as_json:
        output.show_json({**asdict(summary), "folder": str(folder)})
        return
    for sign, names in (("+", summary.added), ("-", summary.removed)):
        for name in names:
            output.show(f"{sign} {name}")
    output.say(
        f"{output.counted(summary.operations, 'operation')}, {len(summary.added)} new, {len(summary.removed)} gone; "
        f"kept in {folder}."
    )


def _document(source: str) -> bytes:
    if not source.startswith(("http://", "https://")):
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror}") from error
    from haloitsm_connector.client import HttpClient, HttpClientFields
    from haloitsm_connector.client.reason import status_error
    from haloitsm_connector.client.request import Request

    parts = urlsplit(source)
    server = f"{parts.scheme}://{parts.netloc}"
    with HttpClient.from_fields(HttpClientFields(base_uri=server)) as client:
        response = client.send(Request("GET", source.removeprefix(server) or "/"))
        if not 200 <= response.status < 300:
            raise status_error(response, "GET")
        return response.body
