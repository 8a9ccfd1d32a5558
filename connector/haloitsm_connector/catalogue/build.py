"""Builds the bundled catalogue: ``python -m haloitsm_connector.catalogue.build --openapi halo-openapi.json.gz``.

The same document always gives the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from haloitsm_connector.catalogue.derive import derive
from haloitsm_connector.catalogue.facts import DATA, bundled
from haloitsm_connector.catalogue.refresh import read_document, write


def build(openapi: Path, folder: Path = DATA) -> None:
    """Write ``operations.json`` and ``schemas.json``, made from an OpenAPI document and the bundled facts."""
    write(derive(read_document(openapi.read_bytes()), bundled()), folder)


def main() -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(description="Build the bundled catalogue of Halo's operations.")
    parser.add_argument("--openapi", type=Path, required=True, help="OpenAPI document, .json or .json.gz")
    build(parser.parse_args().openapi)


if __name__ == "__main__":
    main()
