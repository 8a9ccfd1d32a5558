"""What is printed is what was meant: data cannot command the terminal, nor pass for a line of ours."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.cli import output

COMMANDS = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u2028"} - {"\n", "\t"}


@given(st.text(alphabet=st.one_of(st.sampled_from(sorted(COMMANDS)), st.characters())))
def test_no_text_commands_the_terminal(text):
    assert not COMMANDS & set(output.harmless(text))


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_stays_the_same_value(value):
    assert json.loads(output.harmless(output.json_text(value))) == value


def test_words_of_all_languages_stay_as_they_are():
    for text in ("Grüße, Zoë", "日本語", "👩‍🔧", "a\tb\nc", "עברית"):
        assert output.harmless(text) == text


def test_a_cell_of_a_table_stays_on_its_line(capsys):
    output.table(("name",), [("evil\x1b[2J\r\nerror: all is lost",)])
    assert capsys.readouterr().out.splitlines() == ["name", "evil\\u001b[2J error: all is lost"]


def test_what_failed_cannot_clear_the_screen(haloitsm, project):
    (project / "laptops.jsonl").write_text('{"serial": "\\u001b[2J\\u0007", "client": {}}\n')
    config = (project / "halo.yaml").read_text().replace("laptops.csv", "laptops.jsonl")
    (project / "halo.yaml").write_text(config.replace('"{{ client }}"', '"No. {{ client }}"'))
    ended = haloitsm("run", "halo.yaml", "laptops")
    assert ended.status == 4
    assert "\\u001b[2J" in ended.err
    assert not COMMANDS & set(ended.out + ended.err)
