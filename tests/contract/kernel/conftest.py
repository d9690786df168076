"""What every driver of the kernel does, shown by counted packets in a network of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.kernel.node import DRIVERS, Node
from tests.own_network import bodies_on


@pytest.fixture(params=list(DRIVERS))
def on_node(request: pytest.FixtureRequest) -> Callable[[Callable[[Node], None]], None]:
    return bodies_on(lambda: Node(request.param))
