"""``render``: write a text or a whole document by a template with loops."""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import StepProblem, StepsError, TransformError, kind_of
from haloitsm_transformers.fields import Path, asked, problems_found
from haloitsm_transformers.paths import Edit, parse_path
from haloitsm_transformers.world import World


class Render(Params):
    """Write a text, or a whole JSON document, by a Jinja template; the entity's fields are its variables.

    The whole entity is `entity`, for names such as entity["first-name"]. Missing path, null: fail where they would
    stand in a text, write {{ name or '' }}; are null in a document. Wrong type: lists and objects fail in a text, write
    {{ name | tojson }}. Empty list: a loop over it, over null or over a missing path has no rounds. A rendering that
    comes to a million rounds, calls and characters fails.
    """

    template: str | None = Field(None, description="The template.")
    file: str | None = Field(None, description="A file below the configuration's folder that holds it.")
    into: Path | None = Field(
        None, description="Path that gets what is written. Without it a document is the new entity."
    )
    as_: Literal["text", "json"] = Field(
        "text", alias="as", description="json: what is written is read as JSON, and {{ }} writes values as JSON."
    )

    @model_validator(mode="after")
    def _sound(self, info: ValidationInfo) -> Self:
        from haloitsm_transformers.jinja_templates import jinja_template

        if (self.template is None) == (self.file is None):
            raise ValueError("takes exactly one of 'template' and 'file'")
        if self.into is None and self.as_ == "text":
            raise ValueError("a text needs 'into': the path that gets it")
        try:
            if self.template is not None:
                jinja_template(self.template)
            elif self.file is not None and (found := asked(info, "files", self.file, "file")) is not None:
                jinja_template(_decoded(found))
        except StepsError as error:
            name = "template" if self.file is None else "file"
            raise problems_found([problem.under(name) for problem in error.problems]) from None
        return self


def _decoded(written: bytes) -> str:
    try:
        return written.decode()
    except UnicodeDecodeError:
        raise StepsError([StepProblem((), "the file is not text in UTF-8")]) from None


def _needs(params: Render) -> tuple[str, ...]:
    return () if params.file is None else ("files",)


def build(params: Render, builder: Builder) -> EntityFunction:
    """Compile the template."""
    from haloitsm_transformers.jinja_templates import jinja_template

    text = params.template if params.file is None else _decoded(builder.capability("files")(params.file))
    as_json = params.as_ == "json"
    render = jinja_template(text or "", as_json=as_json)
    if params.into is None:
        return lambda entity: _new_entity(_document(render(entity)))
    place = parse_path(params.into)

    def render_into(entity: Entity) -> Entity:
        written = render(entity)
        Edit(entity).put(place, _document(written) if as_json else written)
        return entity

    return render_into


def _document(written: str) -> Any:
    try:
        return json.loads(written, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise TransformError(f"what is written is no JSON: {error}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _new_entity(value: Any) -> Entity:
    if isinstance(value, dict):
        return value
    raise TransformError(f"what is written is {kind_of(value)}, which is no entity; say with 'into' where to put it")


TRANSFORMER = Transformer(
    "render",
    "entity",
    Render,
    build,
    needs=_needs,
    examples=(
        Example(
            "A text with a loop",
            {
                "template": "Order {{ id }}:{% for line in lines %}\n- {{ line.qty }} x {{ line.sku }}{% endfor %}",
                "into": "note",
            },
            {"id": 7, "lines": [{"sku": "Ä1", "qty": 2.0}, {"sku": "B", "qty": 0.5}]},
            {
                "id": 7,
                "lines": [{"sku": "Ä1", "qty": 2.0}, {"sku": "B", "qty": 0.5}],
                "note": "Order 7:\n- 2 x Ä1\n- 0.5 x B",
            },
        ),
        Example(
            "A whole document; every value is written as JSON",
            {
                "as": "json",
                "template": '{"summary": {{ title }}, "client_id": {{ client.id }}, "customfields": [\n'
                "{% for name, value in extra.items() %}\n"
                '  {"name": {{ name }}, "value": {{ value }}}{% if not loop.last %},{% endif %}\n'
                "{% endfor %}\n]}",
            },
            {"title": 'The "big" one', "extra": {"CFa": [1], "CFb": 10**20}},
            {
                "summary": 'The "big" one',
                "client_id": None,
                "customfields": [{"name": "CFa", "value": [1]}, {"name": "CFb", "value": 10**20}],
            },
        ),
        Example(
            "The template in a file of its own, for one field",
            {"file": "templates/address.j2", "into": "site.address"},
            {"street": "Main St 1", "town": "Ely"},
            {"street": "Main St 1", "town": "Ely", "site": {"address": "Main St 1, Ely"}},
            world=World(files={"templates/address.j2": "{{ street }}, {{ town | default('?') }}"}),
        ),
        Example(
            "A missing path or null in a text fails",
            {"template": "a\n{{ name }}", "into": "x"},
            {},
            fails="line 2 of the template: a placeholder gives null, which cannot stand inside a text",
        ),
        Example(
            "unless something is said for it; lists in a text are written as JSON",
            {"template": "{{ name or 'nobody' }} {{ tags | tojson }}", "into": "x"},
            {"name": None, "tags": []},
            {"name": None, "tags": [], "x": "nobody []"},
        ),
        Example(
            "A loop over nothing has no rounds",
            {"template": "{% for a in none %}x{% endfor %}{% for a in empty %}x{% endfor %}.", "into": "x"},
            {"empty": []},
            {"empty": [], "x": "."},
        ),
        Example(
            "A document that is no JSON fails",
            {"as": "json", "template": '{"id": {{ id }},}'},
            {"id": 1},
            fails="what is written is no JSON: Expecting property name",
        ),
    ),
    json=True,
)
