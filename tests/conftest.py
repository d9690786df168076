"""How the run is dealt out to its parallel workers, and the browser that each has at most one of."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import settings
from playwright.async_api import Browser
from xdist.scheduler import LoadScopeScheduling

from tests import chromium

if TYPE_CHECKING:
    from xdist.remote import Producer

# Nobody here asks a public server, and to read their authorities takes every process a tenth of a second.
os.environ.pop("SSL_CERT_FILE", None)

# Nothing that collecting makes is ever garbage; to search it again and again takes each worker two seconds.
gc.disable()

settings.register_profile("soak", max_examples=3_000)
"""Thirty times the usual: ``make soak``."""

FLEET = "tests/integration/one_fleet/"
"""How the paths of tests on a fleet begin; tests with an Asterisk or a lab of their own lie in folders beside it."""

FLEETS = {
    "nftables": ("[nftables", "test_bans.py"),
    "iptables": ("[iptables", "test_bench.py"),
    "maintenance": ("test_maintenance", "test_fleet_view.py", "test_live_calls.py"),
}
"""Which tests have a fleet to themselves, by what their ids hold: attacks on a guard wait for the kernel most of the
time, and maintenances for phones."""

BROWSER = "tests/browser/"
"""Whose tests share one browser, for to start it takes longer than most of them."""

FIRST = (
    FLEET,
    "tests/integration/own_lab/",
    "tests/contract/",
    "tests/integration/one_asterisk/",
    BROWSER,
    "tests/bench/",
)
"""What takes the longest is dealt out first, so that no worker is left with it at the end; what mostly waits (contract)
beside what needs the processor."""


ALONE = "tests/bench/test_small.py"
"""Where tests share nothing and take long: each goes to whoever is free."""


class Fleets(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A worker has a whole fleet, all of its tests and in order; elsewhere a file's tests stay together.

    The loadgroup scheduler of pytest-xdist 3.8 would do, but its groups are lost on pytest 9.2, where a test's id
    can no longer be amended.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ALONE):
            return nodeid
        if nodeid.startswith(BROWSER):
            return BROWSER
        if not nodeid.startswith(FLEET):
            return nodeid.split("::")[0]
        return next((f"fleet {name}" for name, marks in FLEETS.items() if any(m in nodeid for m in marks)), "fleet")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Fleets:
    return Fleets(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that disturb a fleet's phones end it."""
    items.sort(key=lambda item: (_turn(item.nodeid), item.get_closest_marker("last") is not None))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def _turn(nodeid: str) -> int:
    return next((number for number, place in enumerate(FIRST) if nodeid.startswith(place)), len(FIRST))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The worker's, started by the first test that looks at a page; such tests run in the session's event loop."""
    async with chromium.running() as opened:
        yield opened
