"""Text made fit for a terminal: harmless, in columns, in units people use."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prs import terminal
from prs.terminal import Cell, Style
from unit.screen import Screen

RICH, PLAIN = Style(80, 24, unicode=True, colour=True), Style()


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("db01", "db01"),
        ("a\x1b[2J\x1b]0;title\x07b", "a\\x1b[2J\\x1b]0;title\\x07b"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("a\r\nb\tc\n", "a b c"),
        ("back\x08\x08\x7f", "back\\x08\\x08\\x7f"),
        ("txt.\u202egpj", "txt.\\u202egpj"),
        ("\u2066isolated\u2069", "\\u2066isolated\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028break", "line\\u2028break"),
        ("\u05d0\u0627", "\\u05d0\\u0627"),
        ("a\u0300\u0301\u0302", "à\\u0301\\u0302"),
        ("vowel \u093e", "vowel \\u093e"),
        ("lone \ud800", "lone \\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("Käse 日本", "Käse 日本"),
    ],
)
def test_hostile_text_becomes_harmless(hostile: str, harmless: str) -> None:
    assert terminal.clean(hostile) == harmless


@given(st.text())
def test_cleaned_text_has_nothing_that_moves_or_hides(text: str) -> None:
    found = terminal.clean(text)
    assert all(unicodedata.category(char)[0] not in "CM" and unicodedata.category(char) not in ("Zl", "Zp") for char in found)
    assert all(unicodedata.bidirectional(char) not in ("R", "AL", "AN", "RLE", "RLO", "LRE", "LRO", "PDF") for char in found)
    assert terminal.clean(found) == found


@given(st.text(max_size=40), st.integers(0, 30), st.booleans())
def test_cut_text_fits_and_says_that_it_was_cut(text: str, width: int, unicode: bool) -> None:
    style, text = Style(unicode=unicode), terminal.clean(text)
    found = terminal.cut(text, width, style)
    assert terminal.columns(found) <= width
    assert found == text or width < 3 or found.endswith("…" if unicode else "...")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0.0 GiB"), (1, "<0.1 GiB"), (2**30 // 10, "0.1 GiB"), (16 * 2**30, "16.0 GiB"), (3 * 2**40, "3072.0 GiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert terminal.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (83, "1:23"), (59.6, "1:00"), (3723, "1:02:03"), (90000, "25:00:00"), (-5, "0:00"), (None, "?")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert terminal.duration(seconds) == text


@given(st.integers(0, 10**7))
def test_a_duration_can_be_read_back(seconds: int) -> None:
    found = 0
    for part in terminal.duration(seconds).split(":"):
        found = found * 60 + int(part)
    assert found == seconds


def test_points_and_percent() -> None:
    assert [terminal.points(value) for value in (0.65, 0.0312, 0.0996, 0.0)] == ["65", "3.1", "10", "0.0"]
    assert [terminal.percent(value) for value in (0.0, 0.555, 1.2)] == ["0%", "56%", "120%"]


@given(st.floats(-1, 2), st.integers(2, 40), st.booleans())
def test_a_bar_has_its_width_and_is_full_or_empty_only_when_it_is(fraction: float, width: int, unicode: bool) -> None:
    found = terminal.bar(fraction, width, Style(unicode=unicode))
    full, rest = ("█", "░") if unicode else ("#", ".")
    assert found == full * found.count(full) + rest * found.count(rest)
    assert len(found) == width
    assert (found.count(full) == width) == (fraction >= 1)
    assert (found.count(full) == 0) == (fraction <= 0)


def test_a_table_wraps_its_last_column_under_itself() -> None:
    rows: list[list[str | Cell]] = [["1", "pve1", "one two three four five six seven eight"], ["22", Cell("pve22", "red"), "short"]]
    found = terminal.table(("#", "NODE", "WHY"), rows, Style(36), right=(0,))
    assert found.splitlines() == [
        "   #  NODE   WHY",
        "   1  pve1   one two three four five",
        "             six seven eight",
        "  22  pve22  short",
    ]


def test_a_table_has_colour_only_where_the_style_has_it() -> None:
    assert terminal.table(("A",), [[Cell("x", "red")]], RICH) == "  \x1b[1mA\x1b[0m\n  \x1b[31mx\x1b[0m\n"
    assert terminal.table(("A",), [[Cell("x", "red")]], PLAIN) == "  A\n  x\n"


@given(st.lists(st.tuples(*[st.text("abc 日 ", max_size=30)] * 3), max_size=5), st.integers(0, 120))
def test_a_table_keeps_its_columns_straight(rows: list[tuple[str, str, str]], width: int) -> None:
    cleaned = [[terminal.clean(cell) for cell in row] for row in rows]
    first = max([1, *(terminal.columns(row[0]) for row in cleaned)])
    second = max([1, *(terminal.columns(row[1]) for row in cleaned)])
    lines = terminal.table(("A", "B", "C"), cleaned, Style(width)).splitlines()
    assert lines[0] == f"  A{' ' * (first + 1)}B{' ' * (second + 1)}C"
    assert len(lines) > len(rows)
    words = "".join("".join(row) for row in cleaned).replace(" ", "")
    assert sorted("".join(lines[1:]).replace(" ", "")) == sorted(words)


def test_a_style_follows_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda number: os.terminal_size((132, 50)))
    terminals = Screen(), Screen("ascii"), Screen(tty=False)
    monkeypatch.setattr(Screen, "fileno", lambda self: 1)
    found = [terminal.style_of(screen, {"TERM": "xterm"}) for screen in terminals]
    assert found == [Style(132, 50, True, True), Style(132, 50, False, True), Style(unicode=True)]
    assert not terminal.style_of(Screen(), {"TERM": "xterm", "NO_COLOR": "1"}).colour
    assert not terminal.style_of(Screen(), {"TERM": "dumb"}).colour
    assert not terminal.style_of(Screen(), {}).colour


def test_a_terminal_without_a_size_gets_a_usual_one() -> None:
    assert terminal.style_of(Screen(), {"TERM": "xterm"}) == Style(80, 24, True, True)


def test_a_sign_that_the_stream_cannot_show_is_escaped() -> None:
    screen = Screen("latin-1")
    terminal.write(screen, "é → 日\n")
    assert screen.text() == "é \\u2192 \\u65e5\n"
