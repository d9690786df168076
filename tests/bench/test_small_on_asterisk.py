"""A small run of every bench that needs an Asterisk of its own; apart from the others, which need the processor."""

from __future__ import annotations

import pytest

from tests.bench.catalogue import ON_ONE_ASTERISK
from tests.bench.test_small import assert_tells_figures, tell


@pytest.mark.parametrize("name", ON_ONE_ASTERISK)
def test_every_bench_on_an_asterisk_tells_its_figures(name: str) -> None:
    assert_tells_figures(tell(name, *ON_ONE_ASTERISK[name]))
