from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.config.variables import Resolution
from haloitsm_connector.errors import Finding

ENVIRON = {"NAME": "acme", "EMPTY": "", "NESTED": "${NAME} {{ id }}", "HALO_BASE_URI": "https://acme.example"}


def resolve(value: Any, folder: Path = Path()) -> tuple[Any, list[Finding], set[str]]:
    resolution = Resolution(ENVIRON, folder)
    return resolution.resolve(value), resolution.findings, resolution.secrets


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${NAME}", "acme"),
        ("https://${NAME}.example/${NAME}", "https://acme.example/acme"),
        ("${EMPTY}", ""),
        ("${MISSING:-}", ""),
        ("${MISSING:-a b:-c}", "a b:-c"),
        ("${EMPTY:-x}", "x"),
        ("${NAME:-x}", "acme"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$${NAME}"),
        ("$NAME $ {NAME} 5$", "$NAME $ {NAME} 5$"),
        ("${NESTED}", "${NAME} {{ id }}"),
        ("{{ id }}", "{{ id }}"),
    ],
)
def test_variables_become_text_once(written: str, value: str) -> None:
    assert resolve(written) == (value, [], set())


def test_variables_are_resolved_in_values_at_any_depth_and_never_in_keys() -> None:
    data = {"${NAME}": [{"a": "${NAME}"}, 1, None, True]}
    assert resolve(data)[0] == {"${NAME}": [{"a": "acme"}, 1, None, True]}


def test_every_variable_that_is_not_set_is_found_at_its_place() -> None:
    _, findings, _ = resolve({"a": "${HALO_BASE_URL}", "b": ["${QQ}${RR}"]})
    assert findings == [
        Finding(("a",), "the environment variable HALO_BASE_URL is not set", "Did you mean 'HALO_BASE_URI'?"),
        Finding(
            ("b", 0),
            "the environment variable QQ is not set",
            "Set it, in a file .env here for one, or give a default: ${QQ:-…}.",
        ),
        Finding(
            ("b", 0),
            "the environment variable RR is not set",
            "Set it, in a file .env here for one, or give a default: ${RR:-…}.",
        ),
    ]


@pytest.mark.parametrize("written", ["${}", "${a b}", "${1A}", "${NAME-x}", "${NAME", "x ${"])
def test_what_only_looks_like_a_variable_is_a_problem_with_the_escape_in_its_hint(written: str) -> None:
    value, findings, _ = resolve(written)
    assert value == written
    assert "$${" in findings[0].hint


def test_a_file_is_read_relative_to_the_configuration_and_is_secret(tmp_path: Path) -> None:
    (tmp_path / "halo").write_bytes(b"s3cret \r\n")
    assert resolve("Bearer ${file:halo}", tmp_path) == ("Bearer s3cret ", [], {"s3cret "})
    assert resolve(f"${{file:{tmp_path / 'halo'}}}")[0] == "s3cret "


def test_only_one_newline_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a\nb\n\n")
    assert resolve("${file:key}", tmp_path)[0] == "a\nb\n"


def test_a_file_that_cannot_be_read_is_a_problem_that_shows_none_of_its_text(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"s3cret\xff")
    (tmp_path / "large").write_bytes(b"s3cret" * 200_000)
    names = ["none", "binary", "large", ".", "\0", ""]
    found = [resolve(f"${{file:{name}}}", tmp_path) for name in names]
    assert [findings[0].what for _, findings, _ in found] == [
        "the file 'none' cannot be read: No such file or directory",
        "the file 'binary' is not UTF-8 text",
        "the file 'large' is larger than 1000000 bytes",
        "the file '.' cannot be read: Is a directory",
        "the file '\0' cannot be read: this is not a file name",
        "the file '' cannot be read: Is a directory",
    ]
    assert not any(secrets for _, _, secrets in found)


def test_a_variable_is_secret_whose_name_ends_as_those_of_secrets_do() -> None:
    names = ["DB_PASSWORD", "HALO_CLIENT_SECRET", "TOKEN_2", "API_KEY", "TOKEN_URI", "SECRETARY", "KEY_FIELD"]
    resolution = Resolution({name: f"of {name}" for name in names}, Path())
    resolution.resolve([f"${{{name}}}" for name in names])
    assert resolution.secrets == {f"of {name}" for name in names[:4]}


def test_what_is_secret_is_not_in_the_representation(tmp_path: Path) -> None:
    (tmp_path / "halo").write_text("s3cret")
    resolution = Resolution({"PASSWORD": "passw0rd"}, tmp_path)
    resolution.resolve("${file:halo}")
    assert "s3cret" not in repr(resolution)
    assert "passw0rd" not in repr(resolution)


@given(st.text("${}:-file./A \n", max_size=30))
def test_no_text_raises_and_text_without_variables_is_unchanged(text: str) -> None:
    value, findings, _ = resolve(text)
    if "${" not in text:
        assert (value, findings) == (text, [])


@given(st.text(max_size=20))
def test_an_escaped_text_comes_out_as_it_was(text: str) -> None:
    assert resolve(text.replace("${", "$${"))[:2] == (text, [])
