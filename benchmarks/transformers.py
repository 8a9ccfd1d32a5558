"""What transformers cost, as ratios to doing the same by hand: ``python -m benchmarks.transformers`` or this file.

All that is compared runs interleaved, over the same 1,000 entities of 2 KB; a ratio is the median over all cycles of
the ratio inside each cycle, with its quartiles. Ratios within 0.05 of each other are ties.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jmespath
import jsonschema_rs
import orjson
from jinja2.sandbox import SandboxedEnvironment

from haloitsm_transformers import Registry, compile_chain, condition, expression, template

sys.path.insert(0, str(Path(__file__).parent))
from tickets import ticket

ENTITIES = [orjson.loads(orjson.dumps(ticket(number) | {"details": "x" * 150})) for number in range(1_000)]
CYCLES = 31
REGISTRY = Registry.installed()
Work = Callable[[], Any]


def chain(*steps: dict[str, Any]) -> Work:
    run = compile_chain(list(steps), REGISTRY).open()
    return lambda: run(ENTITIES)


def each(function: Callable[[Any], Any]) -> Work:
    return lambda: [function(entity) for entity in ENTITIES]


def compare(title: str, base: Work, others: Mapping[str, tuple[Work, float | None]]) -> bool:
    """Print the speed of each relative to the base; tell whether every one with a bar reaches it."""
    ratios: dict[str, list[float]] = {name: [] for name in others}
    base_seconds = []
    for _ in range(CYCLES):
        base_seconds.append(seconds(base))
        for name, (work, _) in others.items():
            ratios[name].append(base_seconds[-1] / seconds(work))
    print(f"{title}: {statistics.median(base_seconds) / len(ENTITIES) * 1e6:.2f} µs an entity = 1.00")
    met = True
    for name, (_, bar) in others.items():
        low, middle, high = statistics.quantiles(ratios[name], n=4)
        said = "" if bar is None else f"  bar {bar:.2f}: {'met' if middle >= bar else 'MISSED'}"
        met = met and (bar is None or middle >= bar)
        print(f"  {name:<58}{middle:6.2f}  ({low:.2f}..{high:.2f}){said}")
    return met


def seconds(work: Work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


TEN_STEPS: list[dict[str, Any]] = [
    {"rename": {"summary": "title"}},
    {"rename": {"details": "description"}},
    {"rename": {"reportedby": "email"}},
    {"remove": ["slatimeleft"]},
    {"remove": ["sla_name"]},
    {"default": {"team": "none"}},
    {"cast": {"agent_id": "text"}},
    {"map_values": {"priority_id": {"values": {"1": "urgent", "2": "high"}, "otherwise": "normal"}}},
    {"set": {"where": "{{ client_name }} / {{ site_name }}"}},
    {"filter": {"id": {"exists": True}}},
]


def ten_closures() -> list[Callable[[dict[str, Any]], dict[str, Any] | None]]:
    """Make the ten steps the way one writes them by hand: closures over names, in place."""

    def rename(old: str, new: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            if old in entity:
                entity[new] = entity.pop(old)
            return entity

        return step

    def remove(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            entity.pop(name, None)
            return entity

        return step

    def default(name: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            if entity.get(name) is None:
                entity[name] = value
            return entity

        return step

    def to_text(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            if entity.get(name) is not None:
                entity[name] = str(entity[name])
            return entity

        return step

    def mapped(name: str, values: dict[str, Any], otherwise: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            if name in entity:
                entity[name] = values.get(str(entity[name]), otherwise)
            return entity

        return step

    def joined(name: str, first: str, between: str, second: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            entity[name] = f"{entity.get(first)}{between}{entity.get(second)}"
            return entity

        return step

    def having(name: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
        return lambda entity: entity if name in entity else None

    return [
        rename("summary", "title"),
        rename("details", "description"),
        rename("reportedby", "email"),
        remove("slatimeleft"),
        remove("sla_name"),
        default("team", "none"),
        to_text("agent_id"),
        mapped("priority_id", {"1": "urgent", "2": "high"}, "normal"),
        joined("where", "client_name", " / ", "site_name"),
        having("id"),
    ]


def on_one_copy(closures: list[Callable[[Any], Any]]) -> Work:
    def run() -> list[Any]:
        done = []
        for entity in ENTITIES:
            changed: Any = entity.copy()
            for closure in closures:
                changed = closure(changed)
                if changed is None:
                    break
            else:
                done.append(changed)
        return done

    return run


def chains() -> bool:
    by_hand = on_one_copy(ten_closures())
    assert by_hand() == chain(*TEN_STEPS)()
    simple = [{"set": {f"field{number}": number}} for number in range(10)]

    def set_field(name: str, value: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def step(entity: dict[str, Any]) -> dict[str, Any]:
            entity[name] = value
            return entity

        return step

    plain = on_one_copy([set_field(f"field{number}", number) for number in range(10)])
    assert plain() == chain(*simple)()
    ten = compare("ten typical steps by hand", by_hand, {"the same as a chain": (chain(*TEN_STEPS), 0.80)})
    sets = compare("ten closures that set a field", plain, {"ten set steps": (chain(*simple), None)})
    return ten and sets


EXPRESSIONS = {
    "a name": "client_name",
    "a path": "client.name",
    "five fields, one nested": "{id: id, title: summary, status: status_name, by: team, cf: customfields[0].value}",
    "a filter and a projection": "customfields[?id > `200`].value",
    "a choice": "site_name || client_name || 'none'",
    "a comparison": "status_id == `9` || priority_id < `3`",
    "functions": "join(', ', [to_string(id), client_name]) ",
    "length": "length(customfields)",
}


def expressions() -> bool:
    met = True
    for name, text in EXPRESSIONS.items():
        ours = expression(text)
        assert [ours(entity) for entity in ENTITIES] == [jmespath.search(text, entity) for entity in ENTITIES]
        library = each(lambda entity, text=text: jmespath.search(text, entity))
        met &= compare(f"jmespath.search, {name}", library, {"expression": (each(ours), 5.0)})
    return met


def validation() -> bool:
    names = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array"}
    properties: dict[str, Any] = {name: {"type": [names[type(value)], "null"]} for name, value in ENTITIES[0].items()}
    schema = {
        "type": "object",
        "required": ["id", "summary"],
        "properties": properties | {"summary": {"maxLength": 255}},
    }
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert all(validator.is_valid(entity) for entity in ENTITIES)
    step = chain({"validate": {"schema": schema}})
    return compare("jsonschema-rs alone", each(validator.is_valid), {"validate": (step, 0.80)})


def templates() -> bool:
    read, written = template("{{ client_name }}"), template("{{ client_name }}: {{ summary }} ({{ id }})")

    def by_hand(entity: dict[str, Any]) -> str:
        return f"{entity['client_name']}: {entity['summary']} ({entity['id']})"

    one = compare("a getter", each(lambda entity: entity.get("client_name")), {"{{ client_name }}": (each(read), None)})
    return (
        compare("an f-string of three", each(by_hand), {"a text with three placeholders": (each(written), None)})
        and one
    )


def documents() -> bool:
    text = (
        "Ticket {{ id }}: {{ summary | upper }} for {{ client_name }}"
        "{% for field in customfields %}\n{{ field.name }}: {{ field.value }}{% endfor %}"
    )
    alone = SandboxedEnvironment().from_string(text)
    step = chain({"render": {"template": text, "into": "note"}})
    assert [entity["note"] for entity in step()] == [alone.render(entity) for entity in ENTITIES]
    return compare("Jinja's own sandbox, without bounds", each(alone.render), {"render": (step, None)})


def conditions() -> bool:
    named = condition({"status_id": {"equals": 9}, "client_name": {"matches": "^print"}})
    written = condition("status_id == `9`")
    return compare(
        "a comparison by hand",
        each(lambda entity: entity.get("status_id") == 9),
        {"named tests": (each(named), None), "a JMESPath condition": (each(written), None)},
    )


def main() -> int:
    gc.collect()
    gc.freeze()
    return 0 if all([chains(), expressions(), validation(), templates(), documents(), conditions()]) else 1


if __name__ == "__main__":
    sys.exit(main())
