"""The catalogue that comes with the package: complete, quick to load, facts only."""

import json
import time
from collections import Counter
from importlib.resources import files

import pytest

from haloitsm_connector.catalogue import Catalogue, Listing

CATALOGUE = Catalogue.load()
OPERATIONS = list(CATALOGUE.operations())
DATA = files("haloitsm_connector.catalogue") / "data"
TYPES = {"integer", "number", "string", "boolean", "date-time", "uuid", "array", "any"}


def operation(name):
    return CATALOGUE.find(name)


def test_every_documented_operation_is_there():
    documented = Counter(each.method for each in OPERATIONS if each.documented)
    assert documented == {"GET": 648, "POST": 376, "DELETE": 192}


def test_operations_seen_in_use_only_are_marked():
    assert [each.name for each in OPERATIONS if not each.documented] == ["GET /Expense", "GET /InvoiceStatus"]


def test_loading_takes_a_moment():
    best = min(timed(Catalogue.load) for _ in range(5))
    assert best < 0.05


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_loading_makes_no_operation_and_reads_no_schema():
    catalogue = Catalogue.load()
    assert catalogue._made == {}
    assert "_schemas" not in vars(catalogue)
    assert catalogue.fields("Faults")
    assert "_schemas" in vars(catalogue)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for item in value.items() for part in item for text in strings(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in strings(part))


@pytest.mark.parametrize("name", ["operations.json", "schemas.json", "lists.json", "curated.json"])
def test_data_holds_names_and_no_sentences(name):
    texts = list(strings(json.loads((DATA / name).read_text("utf-8"))))
    assert max(map(len, texts)) <= 80
    assert not [text for text in texts if text.count(" ") > 8 or text.endswith(".")]


def test_rows_are_sorted_one_to_a_line():
    rows = json.loads((DATA / "operations.json").read_text("utf-8"))["paths"]
    assert list(rows) == sorted(rows)
    lines = (DATA / "operations.json").read_text("utf-8").splitlines()
    assert len(lines) > len(rows)


def test_every_label_names_one_operation():
    assert [label for label, count in Counter(each.label.casefold() for each in OPERATIONS).items() if count > 1] == []


def test_every_path_placeholder_has_a_parameter():
    for each in OPERATIONS:
        names = [part.partition("}")[0] for part in each.path.split("{")[1:]]
        assert [parameter.name for parameter in each.path_parameters] == names
        assert all(parameter.required for parameter in each.path_parameters), each.name


def test_types_are_normalised_and_parameters_are_declared_once():
    for each in OPERATIONS:
        parameters = (*each.path_parameters, *each.query_parameters)
        assert {parameter.type for parameter in parameters} <= TYPES
        assert len({parameter.name for parameter in parameters}) == len(parameters), each.name


def test_every_schema_named_can_be_looked_up():
    for each in OPERATIONS:
        if each.record:
            assert CATALOGUE.fields(each.record), each.name


def test_nested_schemas_are_named():
    fields = CATALOGUE.fields("Faults")
    assert (fields["customfields"].type, fields["customfields"].schema) == ("array", "CustomField")
    assert fields["id"].type == "integer"
    assert fields["dateoccurred"].type == "date-time"
    assert CATALOGUE.fields("NoSuchSchema") == {}


def test_misspelt_names_stay_as_halo_spells_them():
    names = {parameter.name for parameter in operation("GET /Tickets").query_parameters}
    assert {"pageinate", "lastupdatefromdate", "inlcludeopenchildcount"} <= names


@pytest.mark.parametrize(
    ("name", "key", "paged", "page_size", "sure"),
    [
        ("GET /Tickets", "tickets", True, 100, True),
        ("GET /Opportunities", "tickets", True, 100, True),
        ("GET /Asset", "assets", True, 50, True),
        ("GET /Actions", "actions", False, 100, True),
        ("GET /CRMNote", "actions", False, 100, True),
        ("GET /Quotation", "quotes", True, 100, True),
        ("GET /InvoicePayment", "payments", True, 100, True),
        ("GET /InvoiceStatus", "data", False, 100, True),
        ("GET /TopLevel", "tree", True, 100, True),
        ("GET /Agent", "results", True, 100, True),
        ("GET /Status", None, False, 100, True),
        ("GET /DashboardLinks", None, True, 100, True),
        ("GET /UserChange", None, True, 100, False),
    ],
)
def test_lists_are_read_by_their_irregular_keys(name, key, paged, page_size, sure):
    listing = operation(name).listing
    assert (listing.key, listing.paged, listing.page_size, listing.sure) == (key, paged, page_size, sure)


def test_every_list_has_a_listing_and_single_objects_have_none():
    assert all(each.listing for each in OPERATIONS if each.label.startswith("List "))
    for name in ("GET /Agent/me", "GET /Control", "GET /InstanceInfo", "GET /AuthInfo", "GET /Tickets/{id}"):
        assert operation(name).listing is None
    assert operation("GET /ReportData/{publishedid}").listing == Listing(None, False, 100, (), True)
    assert not [each.name for each in OPERATIONS if each.listing and each.method != "GET"]


def test_date_filters_of_lists():
    assert operation("GET /Client").listing.incremental == ("lastupdatefromdate", "lastupdatetodate")
    assert operation("GET /Projects").listing.incremental == ("lastupdatefromdate", "lastupdatetodate")
    assert operation("GET /Appointment").listing.incremental == ("start_date", "end_date")
    types = {parameter.name: parameter.type for parameter in operation("GET /Client").query_parameters}
    assert types["lastupdatefromdate"] == "date-time"
    assert operation("GET /Status").listing.incremental == ()


@pytest.mark.parametrize(
    ("name", "body", "record"),
    [
        ("POST /Tickets", "array", "Faults"),
        ("POST /Tickets/Object", "object", "Faults"),
        ("POST /Attachment/image", "multipart", None),
        ("POST /IntegrationData/Post/Mattermost/delete-webhook", "string", None),
        ("POST /Outgoing", "array", None),
        ("POST /Agent/ClearCache", None, None),
        ("GET /Tickets", None, "Faults_List"),
        ("GET /Tickets/{id}", None, "Faults"),
        ("GET /Client", None, "Area"),
        ("DELETE /Asset/{id}", None, "Device"),
        ("GET /Agent/me", None, "Uname"),
    ],
)
def test_bodies_and_records(name, body, record):
    assert (operation(name).body, operation(name).record) == (body, record)


def test_bytes_are_answered_where_files_are_downloaded():
    assert operation("GET /Attachment/{id}").binary
    assert operation("POST /Invoice/PDF/{id}").binary
    assert not operation("GET /Attachment").binary


def test_what_identifies_a_record():
    assert operation("GET /Actions").key == ("ticket_id", "id")
    assert operation("GET /Priority").key == ("slaid", "priorityid")
    assert operation("GET /Tickets").key == ("id",)


def test_what_a_list_needs_before_it_answers_rows():
    assert "ticket_id" in operation("GET /Actions").requires
    assert operation("GET /Lookup").requires == ("lookupid",)
    assert operation("GET /Tickets").requires == ()
    for each in OPERATIONS:
        assert set(each.requires) <= {parameter.name for parameter in each.query_parameters}, each.name


def test_a_damaged_or_missing_file_is_named(tmp_path):
    from haloitsm_connector.errors import InputError

    with pytest.raises(InputError, match=r"operations\.json cannot be read"):
        Catalogue.load(tmp_path)
    (tmp_path / "operations.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Catalogue.load(tmp_path)
    (tmp_path / "operations.json").write_text("{}")
    with pytest.raises(InputError, match="a section is missing"):
        Catalogue.load(tmp_path)
