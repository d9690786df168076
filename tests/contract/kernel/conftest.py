"""What every driver of the kernel does, shown by counted packets in a network of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.kernel.node import DRIVERS, Node
from tests.own_network import in_own_network


@pytest.fixture(params=list(DRIVERS))
def on_node(request: pytest.FixtureRequest) -> Callable[[Callable[[Node], None]], None]:
    def run(body: Callable[[Node], None]) -> None:
        def inside() -> None:
            node = Node(request.param)
            try:
                body(node)
            finally:
                node.close()

        in_own_network(inside)

    return run
