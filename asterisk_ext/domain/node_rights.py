"""What a node of the fleet may not do to the registry, whoever holds it: a stolen node does not own the fleet."""

from __future__ import annotations

from collections.abc import Collection

from asterisk_ext.domain.errors import Problem

NOT_YOURS = Problem(
    "registry.not_yours",
    403,
    "{node} may not write {what}; nothing was changed.",
    "Do it on the server that keeps the registry.",
)
NOT_A_CONSOLE = Problem(
    "registry.not_a_console",
    403,
    "Nothing was changed: {node} is no console of the fleet and may not change {what}.",
    "Do it on a console of the fleet: {consoles}.",
)
TOO_MUCH = Problem(
    "registry.too_much",
    429,
    "{node} may not write {what} now: it writes too much; nothing was changed.",
    "Wait; if it goes on, look at what that server does, or remove it.",
)
LARGEST = 256 * 1024
"""Bytes of a record, and a thousandth of that of its name, of a node that is no console."""
BURST, A_SECOND = 2000.0, 50.0
"""Records that such a node writes at once, and from then on: it may have been away, and must not fill the disk."""
EVIDENCE, AUDIT, CERTIFICATES = "evidence/", "audit/", "certificate/"
FIREWALL = ("firewall/draft/", "firewall/rules/")
KEEPERS = ("registry/", CERTIFICATES, "dns/")
"""Records that the registry's own server writes alone: its life, its consoles, who is admitted, and what the DNS server
says."""
NOBODYS = (EVIDENCE, AUDIT)
"""Records in which nobody speaks for another, and which nobody rewrites."""


def check_write(node: str, key: str, *, creates: bool, deletes: bool, consoles: Collection[str]) -> None:
    """Refuses ``registry.not_yours`` and, where a console might, ``registry.not_a_console``.

    What is not named here is for consoles only.
    """
    if _is_own(node, key, creates):
        return
    shuts_out = deletes and key.startswith(CERTIFICATES)
    if key.startswith(NOBODYS) or (key.startswith(KEEPERS) and not shuts_out):
        raise NOT_YOURS.refuse(node=node, what=key)
    check_console(node, key, consoles)


def check_console(node: str, what: str, consoles: Collection[str]) -> None:
    """Refuses ``registry.not_a_console``."""
    if node not in consoles:
        raise NOT_A_CONSOLE.refuse(node=node, what=what, consoles=", ".join(sorted(consoles)))


def check_size(node: str, key: str, size: int) -> None:
    """Of what a node that is no console writes; refuses ``registry.too_much``."""
    if is_too_large(key, size):
        raise TOO_MUCH.refuse(node=node, what=key[:80])


def is_too_large(key: str, size: int) -> bool:
    return size > LARGEST or len(key) > LARGEST // 1000


def writer_of(key: str) -> str | None:
    """The node that alone writes there; None: not a node's own."""
    for place in (EVIDENCE, AUDIT, *FIREWALL):
        if key.startswith(place):
            return key.removeprefix(place).partition("/")[0]
    return None


def check_beat(node: str, of: str) -> None:
    """A node speaks for itself alone; refuses ``registry.not_yours``."""
    if of != node:
        raise NOT_YOURS.refuse(node=node, what=f"the report of {of}")


def _is_own(node: str, key: str, creates: bool) -> bool:
    """What any node may write: its own bans' evidence, its own firewall, and further lines of its journal."""
    if key.startswith(f"{AUDIT}{node}/"):
        return creates
    return key.startswith(f"{EVIDENCE}{node}/") or key in [f"{place}{node}" for place in FIREWALL]
