from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.markdown import details, escape, plus_minus, render_table, signed
from bench.report.table import Column, Entry, Table


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    escaped = escape(text)
    assert "<" not in escaped
    assert len(escaped.splitlines()) <= 1
    # Nothing with a meaning is left without a backslash before it.
    assert not re.search(r"[`*_\[\]|~$]", re.sub(r"\\.", "", escaped))


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_escaping_loses_nothing_that_can_be_seen(text: str) -> None:
    assert html.unescape(re.sub(r"\\([\\`*_\[\]|~$:.])", r"\1", escape(text))) == html.unescape(
        text
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mt-midibert", "mt-midibert"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
        ("a|b\n| c", r"a\|b \| c"),
        ("https://evil.example", r"https\://evil.example"),
        ("WWW.evil.example", r"WWW\.evil.example"),
        (r"$\rule{9em}{9em}$", r"\$\\rule{9em}{9em}\$"),
        ("\x1b[31mred", r"\[31mred"),
    ],
)
def test_hostile_names_are_harmless(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_a_table_has_one_line_a_row_and_its_notes_below() -> None:
    columns = (Column("Method", numeric=False), Column("n", "clips"))
    rows = (
        (Entry("a|b"), Entry("1", note="<first>")),
        (Entry("c"), Entry("2", note="second")),
        (Entry("d"), Entry("3", note="<first>")),
    )
    assert render_table(Table("title", columns, rows)).splitlines() == [
        "| Method | n (clips) |",
        "| :-- | --: |",
        "| a\\|b | 1 <sup>a</sup> |",
        "| c | 2 <sup>b</sup> |",
        "| d | 3 <sup>a</sup> |",
        "",
        "<sup>a</sup> &lt;first&gt;  ",
        "<sup>b</sup> second",
    ]


def test_a_summary_cannot_end_its_element() -> None:
    assert "</summary><script>" not in details("</summary><script>", "body")


@pytest.mark.parametrize(
    ("value", "text"), [(1.234, "+1.23"), (-1.234, "−1.23"), (0.001, "0.00"), (-0.001, "0.00")]
)
def test_differences_carry_a_sign_unless_they_are_nothing(value: float, text: str) -> None:
    assert signed(value, 2) == text


def test_a_single_value_has_no_deviation() -> None:
    assert plus_minus(63.412, 3.519, 2) == "63.41 ± 3.52"
    assert plus_minus(63.412, None, 2) == "63.41"
