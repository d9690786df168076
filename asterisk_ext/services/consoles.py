"""The fleet's consoles: the servers on which operators change what concerns the whole fleet.

The registry's server names them, in a record that it alone can write. Every other node may look, and may write only
what is its own: whoever steals one does not own the fleet.
"""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_ext.domain.access import ONLOOKER, PEER, Actor
from asterisk_ext.domain.node_rights import check_console
from asterisk_ext.ports import Fleet, Item, Registry
from asterisk_ext.services.records import CONSOLES, decode, encode


def named(item: Item | None) -> list[str]:
    """The names in the record; none where there is no record yet."""
    return decode(item.value, list[str]) if item else []


def of(fleet: Fleet) -> list[str]:
    return named(fleet.item(CONSOLES))


def peer(fleet: Fleet, node: str) -> Actor:
    """What another node may do here: a console acts for its users, any other looks on."""
    return PEER if node in of(fleet) else ONLOOKER


def check(fleet: Fleet, node: str, what: str) -> None:
    """Refuse ``registry.not_a_console`` before anything is done, where ``node`` is known to be none.

    The registry judges by its own record whatever this copy knows.
    """
    if consoles := of(fleet):
        check_console(node, what, consoles)


def may(fleet: Fleet, node: str) -> bool:
    """Whether ``node`` may change what concerns the whole fleet, as far as its copy knows."""
    known = of(fleet)
    return not known or node in known


async def appoint(registry: Registry, fleet: Fleet, names: Iterable[str]) -> None:
    """Make exactly these the fleet's consoles."""
    wanted = sorted(set(names))
    if of(fleet) == wanted:
        return
    item = await registry.get(CONSOLES)
    if item is None:
        await registry.create(CONSOLES, encode(wanted))
    elif named(item) != wanted:
        await registry.compare_and_set(CONSOLES, encode(wanted), item.revision)
