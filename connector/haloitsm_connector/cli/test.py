"""``haloitsm test``: run the tests beside a configuration, and show what differs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.cli.settings import Settings, hiding, user_catalogue

if TYPE_CHECKING:
    from haloitsm_connector.testfiles import Result

NOT_SET = "https://not-set.invalid"
"""What stands for variables that are not set: tests send nothing, so they need no credentials."""
LONGEST_LINE = 300


def run_tests(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File or folder of YAML, or one *.test.yaml.")],
    accept: Annotated[
        bool, typer.Option("--accept", help="Where results differ, write them as what is expected.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per test.")] = False,
) -> None:
    """Run the tests beside a configuration.

    Tests stand in *.test.yaml: entities in, expected entities out. Nothing is sent, and no variable need be set. Exit
    status 4 says that some results differ; --accept writes them into the files as what is expected.
    """
    from haloitsm_connector import testfiles
    from haloitsm_connector.config import load
    from haloitsm_connector.pipeline import Pipeline

    settings: Settings = context.obj
    files = testfiles.find(path)
    declared = path.parent if path in files else path
    config = load([declared], environ=settings.environ, catalogue=user_catalogue(), stand_in=NOT_SET)
    hide = hiding(config)
    with Pipeline(config) as pipeline:
        results = []
        for result in testfiles.run(files, config, pipeline.assembly.rehearsal(reads=False)):
            results.append(result)
            if as_json:
                output.show_json_line(hide(_described(result)))
            elif result.differences:
                output.show(f"{result.where}: {result.case.name}")
                for line in result.differences:
                    output.show(hide(f"  {output.shortened(line, LONGEST_LINE)}"))
    different = [result for result in results if result.differences]
    _end(len(results), different, accept)


def _described(result: Result) -> dict[str, object]:
    return {
        "test": result.case.name,
        "where": str(result.where),
        "result": "differs" if result.differences else "as expected",
        "differences": result.differences,
        **result.given,
    }


def _end(count: int, different: list[Result], accept: bool) -> None:
    from haloitsm_connector import testfiles

    tests = output.counted(count, "test")
    if not different:
        output.say(f"{tests}: all as expected.")
        return
    if accept:
        for file, results in groupby(different, key=lambda result: result.where.file):
            testfiles.accept(Path(file), list(results))
        output.say(f"{tests}: {len(different)} differed, and now expect what they gave. Look at the change.")
        return
    output.say(f"{tests}: {len(different)} differ. If that is right, --accept writes it into the files.")
    raise typer.Exit(4)
