"""How the run is dealt out to its parallel workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

settings.register_profile("soak", max_examples=3_000)
"""Thirty times the usual: ``make soak``."""

FLEET = "tests/integration/test_"
"""How the paths of tests on the shared fleet begin; tests with an Asterisk of their own lie in folders below."""


class OneFleet(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """One worker has the shared fleet, all of it and in order; elsewhere a file's tests stay together.

    The loadgroup scheduler of pytest-xdist 3.8 would do, but its groups are lost on pytest 9.2, where a test's id
    can no longer be amended.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "fleet" if nodeid.startswith(FLEET) else nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneFleet:
    return OneFleet(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fleet's tests come first, since they take the longest; those that disturb its phones end them."""
    items.sort(key=lambda item: (not item.nodeid.startswith(FLEET), item.get_closest_marker("last") is not None))
