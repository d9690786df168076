"""How the run is dealt out to its parallel workers."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("soak", max_examples=10_000)
"""A hundred times the usual: ``make soak``."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker has the shared fleet and begins with it, since it takes the longest; a file's tests stay together."""
    for item in items:
        name = "fleet" if _needs_the_fleet(item) else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: (not _needs_the_fleet(item), item.get_closest_marker("last") is not None))


def _needs_the_fleet(item: pytest.Item) -> bool:
    return "lab" in getattr(item, "fixturenames", ())
