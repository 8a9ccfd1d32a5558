"""Check what types cannot see: references, steps, and what the catalogue says about payloads written out in YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.catalogue.record_schema import record_schema
from haloitsm_connector.catalogue.usage import check_payload
from haloitsm_connector.config.beside import reader_below
from haloitsm_connector.config.models import RESULTS
from haloitsm_connector.config.python_functions import PythonFunctions
from haloitsm_connector.errors import Finding, InputError, NodePath, suggest
from haloitsm_connector.validation import there_are
from haloitsm_transformers import Registry, TransformError, check_steps

Tree = Mapping[str, Any]

REFERENCES = {"incoming": "incoming", "outgoing": "outgoing", "results": "outgoing"}
"""The fields of a route that name a part, and the section in which the part stands."""

NEEDED_CLIENT = {"haloitsm": "haloitsm", "report": "haloitsm"}
"""Subscriber or publisher prototype → the client prototype without which it cannot work."""


def check_references(tree: Tree) -> Iterator[Finding]:
    """Yield every name in routes, subscribers and publishers that is declared nowhere or is of the wrong prototype."""
    for name, route in tree["routes"].items():
        if name.endswith(RESULTS):
            what = f"the name of a route cannot end in '{RESULTS.strip()}': so tasks are called that follow from others"
            yield Finding(("routes", name), what, "Choose another name.")
        for key, section in REFERENCES.items():
            if isinstance(route, Mapping) and isinstance(route.get(key), str):
                yield from _declared(tree, section, route[key], ("routes", name, key))
    for section, part in (("incoming", "subscriber"), ("outgoing", "publisher")):
        for name, fields in mappings(tree, section, part):
            if isinstance(fields.get("client"), str):
                yield from _check_client(tree, fields, (section, name, part, "client"))
            if section == "incoming" and isinstance(fields.get("parent"), str):
                yield from _check_parent(tree, name, fields["parent"])
    yield from _check_webhook_paths(tree)
    for name, schedule in tree["schedules"].items():
        for place, route in _named_routes(schedule):
            yield from _declared(tree, "routes", route, ("schedules", name, "run", *place))


def mappings(tree: Tree, section: str, part: str) -> Iterator[tuple[str, Tree]]:
    """Yield the name of every entry of a section, with the mapping under ``part`` in it."""
    for name, value in tree[section].items():
        if isinstance(value, Mapping) and isinstance(value.get(part), Mapping):
            yield name, value[part]


def _declared(tree: Tree, section: str, name: str, path: NodePath) -> Iterator[Finding]:
    if name not in tree[section]:
        kind = section.removesuffix("s")
        hint = suggest(name, tree[section]) or there_are(tree[section]) or f"Declare it in '{section}:'."
        yield Finding(path, f"there is no {kind} '{name}'", hint)


def _check_parent(tree: Tree, name: str, parent: str) -> Iterator[Finding]:
    path: NodePath = ("incoming", name, "subscriber", "parent")
    yield from _declared(tree, "incoming", parent, path)
    found = {each: fields.get("parent") for each, fields in mappings(tree, "incoming", "subscriber")}
    parents = {each: above for each, above in found.items() if isinstance(above, str)}
    line = [name]
    while (above := parents.get(line[-1])) and above not in line:
        line.append(above)
    if above == name:
        yield Finding(path, f"'{name}' is a parent of itself: {' < '.join((*line, name))}")


def _named_routes(schedule: Any) -> Iterator[tuple[NodePath, str]]:
    """Yield the routes that a schedule runs, with their places in its list."""
    run = schedule.get("run") if isinstance(schedule, Mapping) else None
    for number, one in enumerate(run if isinstance(run, list) else ()):
        if isinstance(one, list):
            yield from (((number, inner), name) for inner, name in enumerate(one) if isinstance(name, str))
        elif isinstance(one, str):
            yield (number,), one


def _check_webhook_paths(tree: Tree) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    for name, fields in mappings(tree, "incoming", "subscriber"):
        if fields.get("prototype") == "webhook" and isinstance(path := fields.get("path"), str):
            first = taken.setdefault(path, name)
            if first != name:
                what = f"'{first}' receives at {path} already"
                hint = "Choose another path, or let several routes read the same incoming."
                yield Finding(("incoming", name, "subscriber", "path"), what, hint)


def _check_client(tree: Tree, fields: Tree, path: NodePath) -> Iterator[Finding]:
    name = fields["client"]
    yield from _declared(tree, "clients", name, path)
    client = tree["clients"].get(name)
    needed = NEEDED_CLIENT.get(str(fields.get("prototype")))
    found = client.get("prototype") if isinstance(client, Mapping) else None
    if needed and isinstance(found, str) and found != needed:
        what = f"client '{name}' is of prototype '{found}'; a client of prototype '{needed}' is needed here"
        yield Finding(path, what)


def check_chains(
    chains: Iterable[tuple[NodePath, Any]], tree: Tree, registry: Registry, offered: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield what is wrong with the steps of every chain, given with the path at which it stands."""
    usable = {name: steps for name, steps in tree["transformers"].items() if isinstance(steps, list)}
    for path, steps in chains:
        last = {"delivery"} if is_followed_up(path) else ()
        for problem in check_steps(steps, registry, usable, offered, last):
            yield Finding((*path, *problem.path), problem.what, problem.hint)


def granted(tree: Tree, catalogue: Catalogue, folder: Path, python_folder: str | None) -> Mapping[str, Any]:
    """Return what every step may use beyond its entity: the names it can be asked for by, or what answers at once."""
    return {
        "storage": tree["storages"],
        "http": tree["clients"],
        "rows": tree["incoming"],
        "clock": None,
        "log": None,
        "files": reader_below(folder),
        "schemas": schemas_of(catalogue),
        "modules": PythonFunctions(folder, python_folder).written,
    }


def schemas_of(catalogue: Catalogue) -> Callable[[str], dict[str, Any]]:
    """Return what gives the JSON Schema of a record by its operation; it raises TransformError where there is none."""

    def schema(operation: str) -> dict[str, Any]:
        try:
            return record_schema(catalogue, operation)
        except InputError as error:
            raise TransformError(str(error)) from error

    return schema


def is_followed_up(path: NodePath) -> bool:
    """Whether what comes out of the chain at this path is stored as a task, or is what a publisher is given."""
    return path[0] in ("outgoing", "routes") and path[-1] == "transformers"


def check_payloads(tree: Tree, catalogue: Catalogue) -> Iterator[Finding]:
    """Yield warnings about payloads for HaloITSM publishers that ``set`` steps write out.

    A field that a later step names, such as ``payload.customfields``, is sent otherwise, so nothing is said of it.
    """
    for name, publisher in mappings(tree, "outgoing", "publisher"):
        if publisher.get("prototype") != "haloitsm" or not isinstance(publisher.get("entity"), str):
            continue
        try:
            operation = catalogue.find(publisher["entity"], ("POST", "DELETE"))
        except InputError:
            continue  # the publisher's own check says so
        at: NodePath = ("outgoing", name)
        chains = (
            ((*at, "transformers"), tree["outgoing"][name].get("transformers")),
            ((*at, "publisher", "request_transformers"), publisher.get("request_transformers")),
        )
        for path, steps in chains:
            for place, payload in _payloads(steps, path):
                later = set(_texts(steps[int(place[-3]) + 1 :] if isinstance(steps, list) else []))
                for finding in check_payload(catalogue, operation, payload, place):
                    if f"payload.{finding.path[-1]}" not in later:
                        yield finding if place[-1] == "payload" else replace(finding, path=place)


def _texts(value: Any) -> Iterator[str]:
    """Yield the keys and the texts in a value, however deep."""
    if isinstance(value, Mapping):
        yield from map(str, value)
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _texts(part)
    if isinstance(value, str):
        yield value


def _payloads(steps: Any, path: NodePath) -> Iterator[tuple[NodePath, Any]]:
    """Yield what ``set`` steps put into ``payload``, or into one field of it (``payload.name``), with its path."""
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        values = step.get("set") if isinstance(step, Mapping) else None
        for key, value in values.items() if isinstance(values, Mapping) else ():
            field = key.removeprefix("payload.")
            if key == "payload":
                yield (*path, index, "set", key), value
            elif field != key and field.isidentifier():
                yield (*path, index, "set", key), {field: value}
