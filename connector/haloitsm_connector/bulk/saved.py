"""The configuration that does what a bulk command did: rows, transformers, and an outgoing that sends arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloitsm_connector.bulk.change import Changes
from haloitsm_connector.bulk.send import Sending, once_by
from haloitsm_connector.bulk.work import Command
from haloitsm_connector.interchange.draft import CONFIG, Draft

Client = Mapping[str, Any]
"""The YAML fields of a client."""


def saved(
    command: Command, changes: Changes, sending: Sending, path: Path, client: str, clients: Mapping[str, Client]
) -> str:
    """Return the YAML of a command, for the file ``path``; ``client`` names the client, ``clients`` are declared in it.

    It sends every row: only a bulk command leaves out what has its values already, and can be undone. Names that rows
    have instead of numbers are not looked up by it.
    """
    target, name = command.target, f"bulk-{command.kind}-{command.target.name.casefold()}"
    draft = Draft(command.source.name, path.parent, f"haloitsm bulk {command.kind}", clients=dict(clients))
    fields = dict(command.source.fields)
    subscriber = fields | ({"client": client} if fields["prototype"] != "file" else {})
    columns = {field: "{{ " + _quoted(column) + " }}" for column, field in changes.used.items()}
    texts = {field: text for field, text in command.rules.values.items() if "{{" in text}
    wanted = {**columns, **texts, **changes.constants()}
    publisher: dict[str, Any] = {"prototype": "haloitsm", "client": client}
    steps: list[Any] = []
    if command.kind == "delete":
        assert target.remove is not None, "the records were deleted by it"
        publisher |= {"entity": target.remove.name, "path": {"id": wanted[target.id]}}
        publisher |= {"query": {key: wanted[key] for key in target.key[:-1]}} if len(target.key) > 1 else {}
    else:
        publisher |= {"entity": target.write.name, "batch": sending.batch, "parallel": sending.parallel}
        publisher |= {"once": dict(once_by(target, sending.once))} if sending.once else {}
        steps.append({"set": {"payload": wanted}})
        if command.kind == "update":  # Halo would create a record
            no_id = {"if": {f"payload.{target.id}": {"empty": True}}, "then": [{"fail": "it has no id"}]}
            steps.append({"when": no_id})
        if command.source.cells and not command.rules.clear_empty:
            steps.append({"remove": {"payload.*": {"empty": True}}})
    draft.incoming[f"{name}-rows"] = {"subscriber": subscriber, "transformers": list(command.steps)}
    draft.outgoing[name] = {"transformers": steps, "publisher": publisher}
    draft.routes[name] = {"incoming": f"{name}-rows", "outgoing": name, "disabled": True}
    return draft.files()[path.parent / CONFIG]


def _quoted(column: str) -> str:
    """Write a column's name as JMESPath has it."""
    return column if column.isidentifier() and column.isascii() else '"' + column.replace('"', '\\"') + '"'
