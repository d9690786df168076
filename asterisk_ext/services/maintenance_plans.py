"""The plans of maintenances as the node's own copy has them."""

from __future__ import annotations

from asterisk_ext.domain.maintenance_plan import Heading, Plan
from asterisk_ext.ports import Fleet
from asterisk_ext.services.records import PLANS, decode, plan_key


def plans(fleet: Fleet) -> list[Plan]:
    """Each server's last maintenance, by server; closed ones too."""
    return [decode(item.value, Plan) for item in fleet.items(PLANS)]


def hurried(fleet: Fleet) -> frozenset[str]:
    """The servers whose maintenance was planned for a time: until it is over their phones register for a minute only,
    and resolvers remember their names for seconds, so that phones follow soon."""
    return frozenset(
        plan.source for plan in plans(fleet) if plan.starts and plan.heading is Heading.AWAY and not plan.closed
    )


def plan_of(fleet: Fleet, source: str) -> Plan | None:
    item = fleet.item(plan_key(source))
    return decode(item.value, Plan) if item else None


def lingering(fleet: Fleet) -> dict[str, str]:
    """The servers whose virtual PBXs are on their way home or came there not long ago, each with the one that they
    left: phones of theirs may still be there. So it is of those that left again before all were home."""
    found = {}
    for plan in plans(fleet):
        where = plan.destination if plan.heading is Heading.HOME else plan.former
        if where and not plan.closed:
            found[plan.source] = where
    return found


def lingering_at(node: str, fleet: Fleet) -> list[str]:
    """The servers whose virtual PBXs went home from ``node``."""
    return [source for source, where in lingering(fleet).items() if where == node]


def expected_at(node: str, fleet: Fleet) -> tuple[str, ...]:
    """The servers whose virtual PBXs ``node`` is to take in beforehand, sorted."""
    return tuple(
        sorted(
            plan.source
            for plan in plans(fleet)
            if plan.destination == node and plan.heading is Heading.AWAY and not plan.closed
        )
    )
