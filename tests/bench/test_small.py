"""A small run of every bench: what it measures works, and it measures. How fast things are is no test."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.bench.catalogue import SMALL


def tell(name: str, *arguments: str) -> str:
    """What a bench prints."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_tells_figures(told: str) -> None:
    assert re.search(r"^\| .*\d", told, re.MULTILINE), told
    assert "MISSED" not in told


@pytest.mark.parametrize("name", SMALL)
def test_every_bench_tells_its_figures(name: str) -> None:
    assert_tells_figures(tell(name, *SMALL[name]))
