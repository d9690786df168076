"""Which numbers an outbound route's pattern fits, and that no pattern means anything else to Asterisk."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asterisk_ext.domain.pbx import Pbx, Route
from asterisk_ext.domain.route import PATTERN, expression, is_backwards, taken

PIECE = re.compile(r"[0-9XNZ]|\[[0-9](-[0-9])?[0-9]?\]", re.ASCII)
"""What patterns are made of; whole ones are found too seldom by chance."""


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("190", ["190"], ["1900", "19"]),
        ("N[3-5]XXXXXX", ["33334444", "24000000"], ["13334444", "36334444", "333344440"]),
        ("00.", ["005511", "001"], ["00", "0"]),
        ("0800!", ["0800", "0800123"], ["080"]),
        ("ZX", ["10", "99"], ["01"]),
        ("[13-5]X", ["10", "49"], ["20", "60"]),
    ],
)
def test_a_pattern_fits_as_asterisks_does(pattern: str, fits: list[str], not_: list[str]) -> None:
    assert PATTERN.fullmatch(pattern)
    wanted = re.compile(expression(pattern))
    assert [bool(wanted.fullmatch(number)) for number in (*fits, *not_)] == [True] * len(fits) + [False] * len(not_)


@pytest.mark.parametrize(
    "pattern",
    [
        "_X.", "X.X", "x", "[a-z]", "[]", "[^1]", "00,1", "${SHELL(id)}", '"', "0&Local/1@x", "1)", "+55X.", " 0",
        "\u0663", "X" * 41, "0\n", "[1-", "0*", "#1", "$[1]", "0|1", "%30",
    ],
)  # fmt: skip
def test_what_is_no_pattern_of_digits_is_none(pattern: str) -> None:
    assert not PATTERN.fullmatch(pattern)


@given(st.lists(st.from_regex(PIECE, fullmatch=True), max_size=8), st.sampled_from(["", ".", "!"]))
def test_an_expression_holds_nothing_that_the_dialplan_reads(pieces: list[str], end: str) -> None:
    pattern = "".join(pieces) + end
    assume(PATTERN.fullmatch(pattern))
    assert re.fullmatch(r"[0-9.+*\[\]-]*", expression(pattern))


def test_the_first_route_that_fits_is_taken() -> None:
    routes = (Route(pattern="00.", trunks=("trunk1",)), Route(pattern="X.", trunks=("trunk2",)))
    pbx = Pbx(id=1, name="P", domain="p.example.net", home="node1", routes=routes)
    assert taken(pbx, "0055") is routes[0]
    assert taken(pbx, "4833") is routes[1]
    assert taken(pbx, "") is None


def test_a_set_that_runs_backwards_is_seen() -> None:
    assert is_backwards("[5-3]X")
    assert not is_backwards("[3-5]X")
