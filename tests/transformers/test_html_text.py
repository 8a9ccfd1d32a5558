"""HTML to text and back: what a reader reads, whatever the HTML is like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_transformers.html_text import html_to_text, text_to_html


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("one<br>two<br/><br>three", "one\ntwo\n\nthree"),
        ("<p>\n  much \t space\n</p>", "much space"),
        ("<b>bo</b><i>ld</i> and <u> on</u>", "bold and on"),
        ("&lt;tag&gt; &amp; &eacute;&nbsp;&#8364; &unknown;", "<tag> & é € &unknown;"),
        ("<ul><li>a<li>b<ol><li>x</li><li>y</li></ol></ul>end", "- a\n- b\n  1. x\n  2. y\n\nend"),
        ("<table><tr><th>A<th>B</tr><tr><td>1</td><td>2</td></tr></table>", "A | B\n1 | 2"),
        (
            "<table><tr><td><p>a</p></td><td><p>b</p></td></tr><tr><td></td><td>c</td></tr></table>end",
            "a | b\nc\n\nend",
        ),
        (
            "<table><tr><td>a<table><tr><td>b</td></tr><tr><td>c</td></tr></table></td><td>d</td></tr></table>",
            "a\n\nb\nc | d",
        ),
        ("<ul><li><p>one</p></li><li></li><li><div>two</div></li></ul>", "- one\n\n-\n- two"),
        ("<p>Hi&nbsp;</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p>there</p>", "Hi\n\nthere"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<a href="https://x.example/?a=1&amp;b">here</a>', "here (https://x.example/?a=1&b)"),
        ("<a href='https://x.example'>https://x.example</a>", "https://x.example"),
        ("<a href=mailto:a@x.example>a@x.example</a>", "a@x.example"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ('<img src=x alt="A printer"> <img src=y>', "A printer"),
        ("a<script>if (1 < 2) {}</script>b<style>p {}</style>c<!-- <p>d</p> -->e", "abce"),
        ("<![if !mso]>seen<![endif]><!--[if mso]>hidden<![endif]-->", "seen"),
        ("1 < 2 and 3 <4 <3", "1 < 2 and 3 <4 <3"),
        ("<P CLASS=x>Loud</P >", "Loud"),
        ("<p title='a > b'>c</p>", "c"),
        ("never closed <a href='x", "never closed"),
        ("never closed <!-- x", "never closed"),
        ("日本語<br>ünïcode 🙂", "日本語\nünïcode 🙂"),
        ("", ""),
    ],
)
def test_a_page_is_read_as_its_reader_reads_it(source, text):
    assert html_to_text(source) == text


@given(st.text(st.sampled_from("<>/!-ab pli=\"' &;\n"), max_size=60))
def test_any_text_can_be_read_as_html(source):
    assert "\n\n\n" not in html_to_text(source.replace("\n", " ").replace("br", ""))


LINES = st.lists(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"], include_characters=" "), max_size=12)
)


@given(LINES)
def test_a_text_shown_as_html_reads_as_before(lines):
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    assert html_to_text(text_to_html(text)) == text


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "</", "<![CDATA[", "<div>", "<a x='", "<ul><li>", "<script>", "&"]
)
def test_each_character_of_hostile_html_is_looked_at_a_bounded_number_of_times(piece):
    # Parsers that build a tree, or that begin again at each tag, take minutes for this.
    html_to_text(piece * 100_000)


def test_the_number_of_a_character_may_have_any_length():
    assert html_to_text(f"<p title='&#{'1' * 5000};'>a&#{'9' * 5000};b&#x{'f' * 5000};c&#65;") == "a\ufffdb\ufffdcA"
