"""``haloitsm plugins``: which clients, subscribers, publishers and transformers are installed, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from haloitsm_connector.cli import output

KINDS = ("clients", "subscribers", "publishers", "transformers")


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List what is installed, and from which package.

    Clients, subscribers, publishers and transformers; one that cannot be loaded says why.
    """
    columns = ("kind", "name", "package", "version", "summary")
    rows = sorted(_rows())
    if as_json:
        output.show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        output.table(columns, rows)


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    from haloitsm_transformers.plugins import installed

    for kind in KINDS:
        for name, points in installed(f"haloitsm.{kind}").items():
            for point in points:
                package, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
                try:
                    summary = point.load().summary
                except Exception as error:
                    summary = f"cannot be loaded: {type(error).__name__}: {error}"
                yield kind, name, package, version, f"{summary} (claimed twice)" if len(points) > 1 else summary
