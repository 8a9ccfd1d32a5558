"""Third-party transformers: found by entry point, imported when used, told apart when broken or in each other's way."""

from __future__ import annotations

import importlib
import sys
import textwrap

import pytest
from pydantic import Field

from haloitsm_connector.errors import InputError
from haloitsm_connector.prototypes import Prototypes
from haloitsm_transformers import Params, PluginError, Registry, Transformer, check_steps, compile_chain
from haloitsm_transformers.contract import Example
from haloitsm_transformers.testing import check_transformer

SHOUT = """
    from haloitsm_transformers import Example, Params, Transformer
    from pydantic import Field

    class Shout(Params):
        \"\"\"Write a field in capitals.\"\"\"
        field: str = Field(description="The field.")

    def build(params, builder):
        return lambda entity: {**entity, params.field: str(entity.get(params.field, "")).upper()}

    TRANSFORMER = Transformer("shout", "entity", Shout, build, examples=(
        Example("Loud", {"field": "a"}, {"a": "x"}, {"a": "X"}),
    ))
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a small distribution on the path: a module with its text, and entry points."""

    def put(distribution, module, text, points, group="haloitsm.transformers"):
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(text), "utf-8")
        folder = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", "utf-8")
        lines = [f"{name} = {module}:TRANSFORMER" for name in points]
        (folder / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]), "utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("HALOITSM_PLUGINS", raising=False)
    return put


def test_an_installed_plugin_is_listed_without_being_imported(install):
    install("acme-steps", "acme_listed", SHOUT, ["shout"])
    registry = Registry.installed()
    assert "shout" in registry.names()
    assert "acme_listed" not in sys.modules


def test_an_installed_plugin_works_as_the_built_in_steps_do(install):
    install("acme-steps", "acme_working", SHOUT, ["shout"])
    registry = Registry.installed()
    run = compile_chain([{"shout": {"field": "a"}}, {"rename": {"a": "b"}}], registry).open()
    assert run([{"a": "x"}]) == [{"b": "X"}]
    (problem,) = check_steps([{"shout": {"feld": "a", "field": "a"}}], registry)
    assert str(problem) == "[0].shout.feld: unknown option 'feld'. Did you mean 'field'?"
    check_transformer(registry.get("shout"), registry)


def test_a_broken_plugin_hurts_only_the_steps_that_name_it(install):
    install("acme-broken", "acme_broken", "import no_such_module", ["broken"])
    registry = Registry.installed()
    assert check_steps([{"set": {"a": 1}}], registry) == []
    (problem,) = check_steps([{"broken": {}}], registry)
    assert str(problem) == (
        "[0].broken: the step 'broken' from acme-broken 1.2 cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module'."
    )


def test_something_that_is_no_transformer_of_that_name_is_said(install):
    install("acme-steps", "acme_other", SHOUT, ["whisper"])
    with pytest.raises(PluginError, match="acme_other:TRANSFORMER is not a Transformer of that name"):
        Registry.installed().get("whisper")


def test_a_name_claimed_twice_names_both_distributions(install):
    install("acme-steps", "acme_one", SHOUT, ["shout", "rename"])
    install("zeta-steps", "zeta_one", SHOUT, ["shout"])
    registry = Registry.installed()
    with pytest.raises(PluginError, match=r"'shout' comes from both acme-steps 1\.2 and zeta-steps 1\.2"):
        registry.get("shout")
    with pytest.raises(PluginError, match=r"'rename' comes from both acme-steps 1\.2 and haloitsm-connector"):
        registry.get("rename")
    assert registry.get("set").name == "set"


def test_plugins_can_be_switched_off(install, monkeypatch):
    install("acme-steps", "acme_off", SHOUT, ["shout", "rename"])
    monkeypatch.setenv("HALOITSM_PLUGINS", "none")
    registry = Registry.installed()
    assert "shout" not in registry.names()
    assert registry.get("rename").name == "rename"


def test_prototypes_come_through_the_same_door(install, monkeypatch):
    install("acme-clients", "acme_clients", SHOUT, ["http", "acme"], "haloitsm.clients")
    with pytest.raises(InputError, match=r"'http' comes from both acme-clients 1\.2 and haloitsm-connector"):
        Prototypes("clients").get("http")
    with pytest.raises(InputError, match="acme_clients:TRANSFORMER is not a Prototype of that name"):
        Prototypes("clients").get("acme")
    monkeypatch.setenv("HALOITSM_PLUGINS", "none")
    assert Prototypes("clients").names() == ["haloitsm", "http"]


def test_a_registry_is_a_value(registry):
    own = Transformer("own", "entity", Mask, mask)
    assert "own" in registry.with_(own).names()
    assert "own" not in registry.names()
    assert Registry.empty().with_(own).names() == ["own"]
    with pytest.raises(PluginError, match="there is no step 'set'"):
        Registry.empty().get("set")


class Mask(Params):
    """Hide a field."""

    field: str = Field(description="The field.")


def mask(params, builder):
    return lambda entity: {**entity, params.field: "***"}


GOOD = Example("Hidden", {"field": "a"}, {"a": 1}, {"a": "***"})


def changing(params, builder):
    def change(entity):
        entity["lines"].append(1)
        return entity

    return change


class Undescribed(Params):
    field: str = "a"


COUNT = iter(range(1000))


@pytest.mark.parametrize(
    ("params", "build", "example", "says"),
    [
        (Mask, mask, None, "there are no examples"),
        (Undescribed, mask, GOOD, "the option 'field' of Undescribed has no description"),
        (Undescribed, mask, GOOD, "the parameter model has no docstring"),
        (Mask, mask, GOOD._replace(params={}), "the option 'field' is missing"),
        (Mask, mask, GOOD._replace(gives={}), "'Hidden' gives [{'a': '***'}]"),
        (Mask, mask, GOOD._replace(gives=None, fails="no"), "does not fail"),
        (Mask, lambda p, b: lambda e: e["x"], GOOD, "unexpected KeyError"),
        (Mask, changing, GOOD._replace(given={"lines": []}), "changes the entity that it is given"),
        (Mask, lambda p, b: lambda e: {"a": {1}}, GOOD._replace(gives={"a": {1}}), "does not give JSON"),
        (Mask, lambda p, b: lambda e: None, GOOD, "does not give JSON objects: [None]"),
        (Mask, lambda p, b: lambda e: {"a": next(COUNT)}, GOOD, "gives something else the second time"),
        (Mask, lambda p, b: mask(p, b), GOOD, "makes a chain that cannot be pickled"),
    ],
)
def test_the_check_for_authors_finds_what_is_not_sound(registry, params, build, example, says):
    transformer = Transformer("own", "entity", params, build, examples=(example,) if example else ())
    with pytest.raises(AssertionError) as caught:
        check_transformer(transformer, registry)
    assert says in str(caught.value)
