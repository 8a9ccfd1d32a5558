"""Faults in YAML: read, and what is wrong with them located in plain words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from haloitsm_connector.errors import ConfigError, InputError
from haloitsm_connector.sandbox import Faults, Sandbox
from haloitsm_connector.sandbox.fault_file import read_faults
from haloitsm_connector.sandbox.faults import KINDS, Change, Match, Reset


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_faults(file, ["Tickets", "Actions"])
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_a_file_a_mapping_and_a_value_mean_the_same(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("seed: 4\nfaults:\n  - {kind: reset, when: after, match: {method: POST, times: 1}}\n")
    fault = {"kind": "reset", "when": "after", "match": {"method": "POST", "times": 1}}
    value = Faults((Reset(when="after", match=Match(method="POST", times=1)),), seed=4)
    assert read_faults(file, ()) == read_faults({"seed": 4, "faults": [fault]}, ()) == read_faults(value, ()) == value


def test_every_problem_is_located(tmp_path: Path) -> None:
    text = """\
seed: high
fault: []
faults:
  - kind: rest
  - kind: latency
    when: during
  - kind: answer
    staus: 500
    match: {methods: GET}
  - {kind: change, table: Ticket}
  - {kind: switch, switches: {page_caps: 10}}
  - {kind: switch, switches: {page_cap: many}}
  - reset
  - kind: reset
    probability: 2
"""
    assert problems(tmp_path, text) == [
        "faults.yaml:1:1: seed: a whole number is wanted.",
        "faults.yaml:2:1: fault: there is no 'fault' here. Did you mean 'faults'?",
        "faults.yaml:4:5: faults[0].kind: there is no fault 'rest'. Did you mean 'reset'?",
        "faults.yaml:5:5: faults[1]: 'seconds' is missing.",
        "faults.yaml:6:5: faults[1].when: it should be 'before' or 'after'.",
        "faults.yaml:8:5: faults[2].staus: there is no 'staus' here. Did you mean 'status'?",
        "faults.yaml:9:13: faults[2].match.methods: there is no 'methods' here. Did you mean 'method'?",
        "faults.yaml:10:20: faults[3].table: Halo has no table 'Ticket'. Did you mean 'Tickets'?",
        "faults.yaml:11:20: faults[4].switches: The sandbox has no switch 'page_caps'. Did you mean 'page_cap'?",
        "faults.yaml:12:20: faults[5].switches: page_cap: it should be a valid integer.",
        "faults.yaml:13:5: faults[6]: a fault is a mapping with a 'kind'. Kinds are " + ", ".join(KINDS) + ".",
        "faults.yaml:15:5: faults[7].probability: it should be less than or equal to 1.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "faults.yaml:1:1: a mapping is wanted"),
        ("- kind: reset\n", "faults.yaml:1:1: a mapping is wanted. {seed: 1, faults: [{kind: reset}]}"),
        ("faults: reset\n", "faults.yaml:1:1: faults: a list is wanted"),
        ("seed: 1\nfaults: [\n", "faults.yaml:3:1: is not YAML"),
        ("faults: [{1: 2}]\n", "faults.yaml:1:10: faults[0]: a fault is a mapping with a 'kind'"),
        ("faults: [{kind: reset, 1: 2}]\n", "faults.yaml:1:24: faults[0].1: there is no '1' here"),
        ("faults:\n- {kind: reset, match: GET}\n", "faults.yaml:2:17: faults[0].match: it should be a"),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert problems(tmp_path, text)[0].startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "faults.yaml: cannot be read: No such file"),
        (b"\xff\xfe\xfa", "is not UTF-8"),
        (b"a: \x01", "is not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "faults.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(said)):
        read_faults(file, ())


@pytest.mark.parametrize(
    "faults", [{"faults": [{"kind": "change", "table": "Ticket"}]}, Faults((Change(table="Ticket"),))]
)
def test_a_mapping_and_a_value_are_checked_too(faults: Any) -> None:
    with pytest.raises(InputError, match=r"faults\[0\]\.table: Halo has no table 'Ticket'\. Did you mean 'Tickets'\?"):
        Sandbox(faults=faults)


def test_faults_that_cannot_be_used_leave_the_earlier_ones_in_place() -> None:
    sandbox = Sandbox(faults={"faults": [{"kind": "reset"}]})
    with pytest.raises(InputError):
        sandbox.faults = {"faults": [{"kind": "rest"}]}
    assert sandbox.faults == Faults((Reset(),))


def test_every_kind_and_its_fields_are_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
    names = {*KINDS, *Match.model_fields, *(name for kind in KINDS.values() for name in kind.model_fields)}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
