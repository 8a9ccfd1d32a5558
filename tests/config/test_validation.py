from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, SecretStr, field_validator

from haloitsm_connector.errors import Finding, InputError, dotted
from haloitsm_connector.validation import places_of, secrets_of, validate, validated


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Secret(Strict):
    type: Literal["secret"]
    client_secret: SecretStr
    scopes: list[str] = []


class Password(Strict):
    type: Literal["password"]
    password: Annotated[SecretStr, Field(min_length=3)]


class Timeouts(Strict):
    read_seconds: float = Field(5, gt=0)


class Names(RootModel[dict[str, Timeouts]]):
    pass


class Client(Strict):
    base_uri: str
    authentication: Annotated[Secret | Password, Field(discriminator="type")] | None = None
    timeouts: Timeouts = Timeouts()
    attempts: int = Field(5, ge=1, le=9)
    level: Literal["off", "full"] = "off"
    statuses: list[int | str] = []
    headers: dict[str, SecretStr] = {}
    either: Timeouts | str | None = None
    verify: bool = True
    short: str = Field("ab", min_length=2, pattern="^a")
    names: Names | None = None
    from_: str = Field("", alias="from")

    @field_validator("base_uri")
    @classmethod
    def _is_https(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError("must start with https://")
        return value


def found(**given: Any) -> list[tuple[str, str, str]]:
    value, findings = validate(Client, {"base_uri": "https://a"} | given)
    assert (value is None) == bool(findings)
    return [(dotted(finding.path), finding.what, finding.hint) for finding in findings]


KNOWN = f"There are: {', '.join(Client.model_fields)}.".replace("from_", "from")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"base_url": 1}, ("base_url", "unknown key 'base_url'", "Did you mean 'base_uri'?")),
        ({"zzz": 1}, ("zzz", "unknown key 'zzz'", KNOWN)),
        ({"fram": 1}, ("fram", "unknown key 'fram'", "Did you mean 'from'?")),
        ({"timeouts": {"read": 1}}, ("timeouts.read", "unknown key 'read'", "There are: read_seconds.")),
        ({"names": {"x": {"read": 1}}}, ("names.x.read", "unknown key 'read'", "There are: read_seconds.")),
        ({"base_uri": 12}, ("base_uri", "must be text", "Put it in quotes.")),
        ({"base_uri": None}, ("base_uri", "has no value; it must be text", "Remove it if it is not needed.")),
        ({"base_uri": ["x"]}, ("base_uri", "must be text", "")),
        ({"base_uri": "http://x"}, ("base_uri", "must start with https://", "")),
        ({"attempts": "many"}, ("attempts", "must be a whole number", "")),
        ({"attempts": 1.5}, ("attempts", "must be a whole number", "")),
        ({"attempts": 0}, ("attempts", "must be 1 or more", "")),
        ({"attempts": 10}, ("attempts", "must be 9 or less", "")),
        ({"timeouts": {"read_seconds": 0}}, ("timeouts.read_seconds", "must be more than 0.0", "")),
        ({"timeouts": 5}, ("timeouts", "must be a mapping (name: value)", "")),
        ({"verify": "maybe"}, ("verify", "must be true or false", "")),
        ({"headers": []}, ("headers", "must be a mapping (name: value)", "")),
        ({"headers": {"x": 5}}, ("headers.x", "must be text", "Put it in quotes.")),
        ({"statuses": 404}, ("statuses", "must be a list", "")),
        ({"statuses": [404, []]}, ("statuses[1]", "must be a whole number or text", "")),
        ({"level": "ful"}, ("level", "'ful' is not known here", "Did you mean 'full'?")),
        ({"level": 3}, ("level", "must be one of: off, full", "")),
        ({"short": "a"}, ("short", "is too short: its length must be 2 or more", "")),
        ({"short": "bb"}, ("short", "must have the form ^a", "")),
        ({"either": 5}, ("either", "must be a mapping (name: value) or text", "")),
        (
            {"either": {"red_seconds": 5}},
            ("either.red_seconds", "unknown key 'red_seconds'", "Did you mean 'read_seconds'?"),
        ),
        ({"authentication": {}}, ("authentication", "'type' is missing", "There are: secret, password.")),
        (
            {"authentication": {"type": "pasword"}},
            ("authentication.type", "'pasword' is not known here", "Did you mean 'password'?"),
        ),
        ({"authentication": {"type": ["x"]}}, ("authentication.type", "must be one of: secret, password", "")),
        ({"authentication": "x"}, ("authentication", "must be a mapping (name: value)", "")),
        ({"authentication": {"type": "password"}}, ("authentication", "'password' is missing", "")),
        (
            {"authentication": {"type": "password", "password": 5}},
            ("authentication.password", "must be text", "Put it in quotes."),
        ),
        (
            {"authentication": {"type": "password", "password": "ab", "x": 1}},
            ("authentication.x", "unknown key 'x'", "There are: type, password."),
        ),
    ],
)
def test_mistakes_are_said_in_plain_words(given: dict[str, Any], problem: tuple[str, str, str]) -> None:
    assert problem in found(**given)
    assert len(found(**given)) <= 2


def test_a_missing_key_is_found_at_the_mapping_that_lacks_it() -> None:
    assert validate(Client, {}, ("clients", "halo"))[1] == [Finding(("clients", "halo"), "'base_uri' is missing")]


def test_what_is_wrong_with_the_whole_has_no_place_in_front_of_it() -> None:
    with pytest.raises(InputError, match=r"^'client_secret' is missing"):
        validated(Secret, {"type": "secret"})


def test_all_mistakes_are_found_at_once() -> None:
    assert len(found(attempts="x", verify="x", nonsense=1, authentication={"type": "secret"})) == 4


def test_the_place_of_every_mapping_is_known_with_the_model_it_is_meant_for() -> None:
    data = {"authentication": {"type": "password"}, "names": {"a": {"read_seconds": 1}}, "either": {}}
    assert [(dotted(place.path), place.model.__name__) for place in places_of(Client, data)] == [
        ("", "Client"),
        ("authentication", "Password"),
        ("names.a", "Timeouts"),
        ("either", "Timeouts"),
    ]


def test_secrets_are_known_even_if_nothing_else_is_right() -> None:
    data = {
        "authentication": {"type": "secret", "client_secret": "hunter2", "scopes": ["all"], "x": 1},
        "headers": {"a": "token-1", "b": 12345},
        "level": "unknown",
    }
    assert secrets_of(Client, data) == {"hunter2", "token-1", "12345"}
    assert secrets_of(Client, "text") == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*Client.model_fields, "type", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Client.model_fields, "from", "x"]), JSON))
def test_no_data_raises_and_every_path_is_in_the_data(data: dict[str, Any]) -> None:
    for finding in validate(Client, data)[1]:
        value: Any = data
        for part in finding.path:
            assert part in value or isinstance(part, int)
            value = value[part]
        assert finding.what
