"""For whatever brings up labs."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterisk_ext.lab.plan import STATE
from tests.integration.fleet import lab_command


@pytest.fixture(scope="session", autouse=True)
def nothing_left_by_a_run_that_was_killed() -> None:
    """Its labs bear its process's id in their names."""
    for place in STATE.glob("*-*"):
        kind, _, pid = place.name.partition("-")
        if kind in ("tests", "own") and pid.isdigit() and not Path("/proc", pid).exists():
            lab_command("down", "--name", place.name)
