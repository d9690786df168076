"""Python's search for circular garbage, kept out of the way of what must answer within milliseconds.

It stops everything while it looks: at all that is in memory, whenever that has grown by a quarter, and every 700
objects at the newest. With the records of thousands of virtual PBXs in memory it took half of their projection's
time, and others waited 300 ms.
"""

from __future__ import annotations

import gc


def search_seldom(young: int) -> None:
    """Look at the newest every ``young`` objects only, and never again at what is in memory now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(young)
