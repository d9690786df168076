"""A fixed run of the harness that fuzzes the reader of Asterisk's copies of SIP messages, without the fuzzer."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.unlogged import check


@pytest.mark.parametrize("seed", range(4))
def test_made_up_copies_name_only_true_peers_and_hide_no_attempt(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(500):
        check(source.randbytes(source.randrange(80)))
