"""The catalogue is made anew from a document: the same one always gives the same facts, a broken one a sentence."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue, refresh
from haloitsm_connector.catalogue.build import build
from haloitsm_connector.catalogue.derive import derive
from haloitsm_connector.catalogue.encoding import text
from haloitsm_connector.catalogue.facts import bundled
from haloitsm_connector.errors import InputError


def query(name, schema, description=""):
    return {"name": name, "in": "query", "schema": schema, "description": description}


def answer(schema):
    return {"200": {"content": {"application/json": {"schema": schema}}}}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def posting(schema, media_type="application/json"):
    return {"tags": ["Gadget"], "requestBody": {"content": {media_type: {"schema": schema}}}}


PATHS = {
    "/Tickets": {"get": {"tags": ["Faults"], "parameters": [query("pageinate", {"type": "bool"})]}},
    "/Gizmo": {
        "get": {
            "tags": ["Gadget"],
            "responses": answer(ref("Gadget_View")),
            "parameters": [
                query("a", {"type": "int"}),
                query("a", {"type": "string"}),
                query("b", {"type": "bool"}),
                query("c", {"type": "double"}),
                query("d", {"type": "List<int>"}),
                query("e", {"type": "DateTime"}),
                query("f", {"type": "obj"}),
                query("g", {"type": "string"}, "(array of int) words"),
                query("h", {}, "(bool) words"),
                query("i", {"type": "string", "format": "uuid"}),
                {**query("j", {"type": "integer", "format": "int64"}), "required": True},
            ],
        },
        "post": posting({"type": "array", "items": ref("Gadget")}),
        "put": {},
    },
    "/Gizmo/{code}": {
        "parameters": [{"name": "code", "in": "path", "required": True, "schema": {"type": "string"}}],
        "get": {"tags": ["Gadget"]},
        "delete": {"tags": ["Gadget"]},
    },
    "/Gizmo/one": {"post": posting(ref("Gadget"))},
    "/Gizmo/picture": {"post": posting({"type": "object"}, "multipart/form-data")},
}
SCHEMAS = {
    "Gadget": {
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "size": ref("Size"),
            "part": ref("Part"),
            "parts": {"type": "array", "items": ref("Part")},
            "from": {"type": "string", "format": "date-span"},
            "value": {"nullable": True},
        }
    },
    "Part": {"properties": {"name": {"type": "string"}}},
    "Size": {"type": "integer", "enum": [1, 2]},
    "Gadget_View": {
        "properties": {
            "record_count": {"type": "integer"},
            "columns": {"type": "array", "items": ref("Part")},
            "gizmos": {"type": "array", "items": ref("Gadget")},
        }
    },
}
DOCUMENT = {"paths": PATHS, "components": {"schemas": SCHEMAS}}


@pytest.fixture
def catalogue(tmp_path):
    refresh(json.dumps(DOCUMENT).encode(), tmp_path)
    return Catalogue.load(tmp_path)


def test_the_summary_says_what_came_and_went(tmp_path):
    summary = refresh(gzip.compress(json.dumps(DOCUMENT).encode()), tmp_path / "new")
    assert "GET /Gizmo/{code}" in summary.added
    assert "POST /Tickets" in summary.removed
    assert summary.operations == len(list(Catalogue.load(tmp_path / "new").operations()))
    again = refresh(json.dumps(DOCUMENT).encode(), tmp_path / "new")
    assert (again.added, again.removed) == ((), ())


def test_a_damaged_catalogue_is_mended(tmp_path):
    (tmp_path / "operations.json").write_text("{")
    assert refresh(json.dumps(DOCUMENT).encode(), tmp_path).removed
    assert Catalogue.load(tmp_path).find("GET /Gizmo")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written into .*file"):
        refresh(json.dumps(DOCUMENT).encode(), tmp_path / "file")


def test_types_are_told_in_the_catalogues_words(catalogue):
    types = {parameter.name: parameter.type for parameter in catalogue.find("GET /Gizmo").query_parameters}
    assert types == {
        **{"a": "integer", "b": "boolean", "c": "number", "d": "array", "e": "date-time", "f": "any"},
        **{"g": "array", "h": "boolean", "i": "uuid", "j": "integer"},
    }
    assert [each.name for each in catalogue.find("GET /Gizmo").query_parameters if each.required] == ["j"]


def test_fields_are_told_in_the_catalogues_words(catalogue):
    fields = {name: (each.type, each.schema) for name, each in catalogue.fields("Gadget").items()}
    assert fields == {
        "id": ("integer", None),
        "size": ("integer", None),
        "part": ("object", "Part"),
        "parts": ("array", "Part"),
        "from": ("time", None),
        "value": ("any", None),
    }
    assert catalogue.fields("Gadget")["id"].read_only


def test_curated_facts_survive(catalogue):
    assert catalogue.find("GET Faults").listing.key == "tickets"
    assert catalogue.find("GET /InvoiceStatus").documented is False


def test_a_new_collection_is_understood(catalogue):
    listed = catalogue.find("GET /Gizmo")
    assert (listed.label, listed.record, listed.listing.key, listed.listing.sure) == (
        "List gizmos",
        "Gadget",
        "gizmos",
        True,
    )
    one = catalogue.find("get one gizmo")
    assert (one.name, one.record, one.path_parameters[0].type) == ("GET /Gizmo/{code}", "Gadget", "string")
    assert catalogue.find("POST Gadget").body == "array"
    assert catalogue.find("POST /Gizmo/one").body == "object"
    assert catalogue.find("POST /Gizmo/picture").body == "multipart"
    assert not [each for each in catalogue.operations() if each.method == "PUT"]


def test_the_same_document_gives_the_same_bytes():
    def written(document):
        return [text({section: rows}) for section, rows in derive(document, bundled()).items()]

    upside_down = {**DOCUMENT, "paths": dict(reversed(PATHS.items()))}
    assert written(DOCUMENT) == written(DOCUMENT) == written(upside_down)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"paths": {}}',
        b'{"paths": {"/a": {"x": 1}, "/b": 1}}',
        b"\x1f\x8bnothing",
        b"\xff",
    ],
)
def test_what_is_no_document_is_refused_and_the_folder_left_alone(document, tmp_path):
    with pytest.raises(InputError, match="document"):
        refresh(document, tmp_path)
    assert list(tmp_path.iterdir()) == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["array", "string", "#/components/schemas/Gadget", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["get", "post", "parameters", "tags", "requestBody", "content", "schema", "$ref", "name", "in"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["/", "/Gizmo", "/Gizmo/{id}", "x", "//"]), json_values), json_values)
def test_no_document_breaks_the_derivation(paths, schemas):
    rows = derive({"paths": paths, "components": {"schemas": {"Gadget": {"properties": schemas}}}}, bundled())
    assert set(rows) == {"aliases", "paths", "schemas"}


def test_the_build_command_writes_a_catalogue_from_a_document(tmp_path):
    document = tmp_path / "halo.json"
    document.write_text(json.dumps(DOCUMENT))
    build(document, tmp_path / "data")
    assert Catalogue.load(tmp_path / "data").find("GET /Gizmo").listing
