"""What a node of the fleet may not do to the registry, whoever holds it: a stolen node does not own the fleet."""

from __future__ import annotations

from asterisk_ext.domain.errors import Problem

NOT_YOURS = Problem(
    "registry.not_yours",
    403,
    "{node} may not write {what}; nothing was changed.",
    "Do it on the server that keeps the registry.",
)
KEEPERS = ("registry/", "certificate/", "dns/")
"""Records that the registry's own server writes alone: its life, who is admitted, and what the DNS server says.

Any console may remove a node."""


def check_write(node: str, key: str, deletes: bool) -> None:
    """Refuses ``registry.not_yours``."""
    if key.startswith("evidence/") and not key.startswith(f"evidence/{node}/"):
        raise NOT_YOURS.refuse(node=node, what=key)
    if key.startswith(KEEPERS) and not (deletes and key.startswith("certificate/")):
        raise NOT_YOURS.refuse(node=node, what=key)


def check_beat(node: str, of: str) -> None:
    """A node speaks for itself alone; refuses ``registry.not_yours``."""
    if of != node:
        raise NOT_YOURS.refuse(node=node, what=f"the report of {of}")
