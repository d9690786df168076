"""What all nodes of a fleet do when something happens to all of them is spread over time, by their names. Pure.

After a power cut, an update or a registry that is back, a thousand nodes would ask it for everything in one moment.
"""

from __future__ import annotations

from zlib import crc32

A_SECOND = 200.0
"""So many nodes begin to follow the registry in a second, who have a copy to go by meanwhile."""

HEARD_A_SECOND = 5.0
"""So many nodes ask for everybody's reports in a second, while nobody looks at them there."""


def share(node: str) -> float:
    """The node's own place between 0 and 1, the same each time."""
    return crc32(node.encode()) / 2**32


def delay(node: str, nodes: int) -> float:
    """Seconds that ``node``, one of so many, waits before it does what all do."""
    return share(node) * nodes / A_SECOND


def pause(nodes: int) -> float:
    """Seconds after which one of so many asks for everybody's reports again, where nobody looks at them."""
    return nodes / HEARD_A_SECOND
