"""The configuration that does what a bulk command did: rows, transformers, and an outgoing that sends arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloitsm_connector.bulk.change import Changes
from haloitsm_connector.bulk.names import Place
from haloitsm_connector.bulk.saved_values import steps_for
from haloitsm_connector.bulk.send import Sending
from haloitsm_connector.bulk.there import once_by
from haloitsm_connector.bulk.work import Command
from haloitsm_connector.formats import STANDARD_STREAM
from haloitsm_connector.interchange.yaml_text import yaml_text

Client = Mapping[str, Any]
"""The YAML fields of a client."""


def saved(
    command: Command, changes: Changes, sending: Sending, client: str, clients: Mapping[str, Client]
) -> tuple[str, list[str]]:
    """Return the YAML of a command, and what the route does otherwise than the command, which the YAML says too.

    ``client`` names the client, ``clients`` are declared in it. Written values are read as the command reads them, and
    names that stood in columns are looked up as far as a transformer can.
    """
    target, name = command.target, f"bulk-{command.kind}-{command.target.name.casefold()}"
    columns = {field: "{{ " + _quoted(column) + " }}" for column, field in changes.used.items()}
    texts = {field: text for field, text in command.rules.values.items() if "{{" in text}
    wanted = {**columns, **texts, **changes.constants()}
    lookups, others = _lookups(changes, client)
    steps: list[Any] = [
        *_empty(command, [*columns, *texts]),
        *lookups,
        *_read_as_the_command_does(command, changes, [*columns, *texts]),
    ]
    if command.kind != "create":  # of a record without an id Halo would create one
        steps.append({"when": {"if": {f"payload.{target.id}": {"empty": True}}, "then": [{"fail": "it has no id"}]}})
    parts = {
        "incoming": {f"{name}-rows": {"subscriber": _subscriber(command, client), "transformers": [*command.steps]}},
        "outgoing": {
            name: {
                "transformers": [{"set": {"payload": wanted}}, *steps],
                "publisher": {"prototype": "haloitsm", "client": client, **_publisher(command, sending)},
            }
        },
        "routes": {name: {"incoming": f"{name}-rows", "outgoing": name, "disabled": True}},
    }
    differs = [*_differs(command), *_unchecked(changes, command, [*columns, *texts]), *others]
    heading = f"Made of {command.source.name} by haloitsm bulk {command.kind}. The route is disabled: run it by name."
    declared = {"clients": dict(clients)} if clients else {}
    return yaml_text(declared | _literal(parts), "\n".join([heading, *differs])), differs


def _publisher(command: Command, sending: Sending) -> dict[str, Any]:
    """Return the YAML of what sends the payload of each row, or deletes the record that it names."""
    target = command.target
    if command.kind != "delete":
        name = command.rules.once
        once = {"once": dict(once_by(target, name))} if name else {}
        return {"entity": target.write.name, "batch": sending.batch, "parallel": sending.parallel, **once}
    assert target.remove is not None, "the records were deleted by it"
    keys = {key: "{{ payload." + key + " }}" for key in target.key}
    query = {"query": {key: text for key, text in keys.items() if key != target.id}} if len(keys) > 1 else {}
    return {"entity": target.remove.name, "path": {"id": keys[target.id]}, **query}


def _subscriber(command: Command, client: str) -> dict[str, Any]:
    """Return the YAML of what reads the rows; a file by its whole path, as a route may run in any folder."""
    fields = dict(command.source.fields)
    if fields["prototype"] != "file":
        return fields | {"client": client}
    return fields if fields["path"] == STANDARD_STREAM else fields | {"path": str(Path(fields["path"]).resolve())}


def _empty(command: Command, names: list[str]) -> list[Any]:
    """Return the steps that do with empty values of rows what the command did."""
    fields = [name for name in names if name not in command.target.key]
    if command.rules.clear_empty or not fields:
        return []
    paths = [f"payload.{name}" for name in fields] if command.rules.values else ["payload.*"]
    return [{"remove": dict.fromkeys(paths, test)} for test in ({"type": "null"}, {"matches": r"^\s*$"})]


def _read_as_the_command_does(command: Command, changes: Changes, names: list[str]) -> list[Any]:
    """Return the steps that make of written values what their fields hold."""
    types = {name: command.target.fields[name].type for name in names if name in command.target.fields}
    orders = {name: changes.dates.get(name, command.rules.dates) for name in names}
    emptied = list(names) if command.rules.clear_empty else []
    return steps_for(types, orders, emptied)


def _lookups(changes: Changes, client: str) -> tuple[list[Any], list[str]]:
    """Return the steps that look names up, and the words about names that they cannot look up."""
    steps: list[Any] = []
    words: list[str] = []
    for field in changes.named:
        place = changes.place(field)
        assert place is not None, "names were looked up there"
        if place.operation.listing and not place.operation.listing.paged:
            steps.append({"lookup": _lookup(field, place, client)})
            words.append(f"Names in '{field}' must be written as {place.name} has them.")
        else:
            words.append(f"Names in '{field}' are not looked up: a row that has one fails. Give numbers there.")
    return steps, words


def _lookup(field: str, place: Place, client: str) -> dict[str, Any]:
    code = "".join(f"/{value}" for value in place.query.values())
    path = f"payload.{field}"
    return {
        "client": client,
        "texts": {path: f"{place.name}{code}"},
        "id": "name",
        "text": place.number,
        "otherwise": "{{ " + path + " }}",
    }


def _differs(command: Command) -> list[str]:
    """Say what a route does otherwise than a bulk command."""
    if command.kind == "create":
        again = "" if command.rules.once else " Run again it creates the records once more."
        words = [f"Unlike the command it keeps no record of each row.{again}"]
    else:
        kept = "copies" if command.kind == "delete" else "old values"
        words = [
            f"Unlike the command it compares nothing, sends every row with an id, and keeps no {kept} for an undo."
        ]
    if command.rules.clear_empty and not command.source.cells:
        words.append("A row that does not have a field empties it.")
    if command.source.fields["prototype"] == "file":
        words.append("A row that cannot be read ends it; the command leaves such rows out.")
    return words


def _unchecked(changes: Changes, command: Command, names: list[str]) -> list[str]:
    """Say which numbers of rows a route takes unseen; a list that it reads may hide some of those that there are."""
    if command.rules.allow_unknown:
        return []
    checked = [name for name in names if name not in command.target.key and changes.place(name)]
    named = ", ".join(f"'{name}'" for name in checked)
    return [f"Numbers in {named} are not looked up: one that stands for nothing in Halo is sent."] if named else []


def _literal(value: Any) -> Any:
    """Write texts so that what looks like a variable in them stays as it is."""
    if isinstance(value, dict):
        return {key: _literal(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(one) for one in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def _quoted(column: str) -> str:
    """Write a column's name as JMESPath has it."""
    return column if column.isidentifier() and column.isascii() else '"' + column.replace('"', '\\"') + '"'
