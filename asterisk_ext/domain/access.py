"""Who may do what: every act of every way in passes ``require``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from asterisk_ext.domain.errors import Problem


class Role(IntEnum):
    """Each role may do all that the one below it may."""

    VIEWER = 1
    SUPPORT = 2
    OPERATOR = 3
    ADMINISTRATOR = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Act(StrEnum):
    SEE_FLEET = "fleet.see"
    SEE_CALLS = "call.see"
    SEE_BANS = "ban.see"
    SEE_PBX = "pbx.see"
    SEE_AUDIT = "audit.see"
    SEE_AUDIOS = "audio.see"
    HANG_UP = "call.hang_up"
    LIFT_BAN = "ban.lift"
    BAN = "ban.add"
    NEVER_BAN = "ban.allow"
    CHANGE_PBX = "pbx.change"
    EXPORT_SECRETS = "pbx.export_secrets"
    CHANGE_AUDIOS = "audio.change"
    CHANGE_SERVER = "server.change"
    MAINTENANCE = "server.maintenance"
    MANAGE_USERS = "user.manage"
    SEE_FIREWALL = "firewall.see"
    CHANGE_FIREWALL = "firewall.change"


_LEAST = {
    Act.SEE_FLEET: Role.VIEWER,
    Act.SEE_CALLS: Role.VIEWER,
    Act.SEE_BANS: Role.VIEWER,
    Act.SEE_PBX: Role.VIEWER,
    Act.SEE_AUDIT: Role.SUPPORT,
    Act.SEE_AUDIOS: Role.VIEWER,
    Act.HANG_UP: Role.SUPPORT,
    Act.LIFT_BAN: Role.SUPPORT,
    Act.BAN: Role.SUPPORT,
    Act.NEVER_BAN: Role.OPERATOR,
    Act.SEE_FIREWALL: Role.SUPPORT,
    Act.CHANGE_FIREWALL: Role.OPERATOR,
    Act.CHANGE_PBX: Role.OPERATOR,
    Act.EXPORT_SECRETS: Role.ADMINISTRATOR,
    Act.CHANGE_AUDIOS: Role.OPERATOR,
    Act.CHANGE_SERVER: Role.OPERATOR,
    Act.MAINTENANCE: Role.OPERATOR,
    Act.MANAGE_USERS: Role.ADMINISTRATOR,
}

_IN_A_TENANT = frozenset({Act.SEE_CALLS, Act.SEE_PBX})
"""All that a token scoped to one virtual PBX can ever reach."""

_BETWEEN_NODES = frozenset(
    {Act.SEE_CALLS, Act.SEE_BANS, Act.SEE_FIREWALL, Act.HANG_UP, Act.LIFT_BAN, Act.CHANGE_FIREWALL}
)
"""All that a node may ask of another one, whomever it asks for: what is that server's own."""

FORBIDDEN = Problem(
    "access.forbidden",
    403,
    "{actor} may not do this: it takes the role {role}.",
    "Ask someone with that role, or have yours changed.",
)
NOT_BETWEEN_NODES = Problem(
    "access.not_between_nodes",
    403,
    "Another node of the fleet may not ask this here, whomever it asks for; nothing was changed.",
    "Do it at that server's own console.",
)
OUT_OF_SCOPE = Problem(
    "access.out_of_scope",
    403,
    "This token sees virtual PBX {scope} only.",
    "Use a token of the fleet, or ask for that virtual PBX alone.",
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user or a token; ``pbx`` limits a token to one tenant."""

    name: str
    role: Role
    pbx: int | None = None
    peer: bool = False
    """Another node asks, for its own user of this name: it is answered for this server alone, and asks no others."""

    @property
    def sees_numbers(self) -> bool:
        """Caller numbers are personal data: masked for viewers (SPEC, "Personal data"), and for a
        node's viewers by that node itself."""
        return self.role > Role.VIEWER or self.pbx is not None or self.peer


PEER = Actor("fleet", Role.SUPPORT, peer=True)
"""A console of the fleet, which asks for what is this server's own (calls, bans, the firewall) for its users."""
ONLOOKER = Actor("fleet", Role.VIEWER, peer=True)
"""Another node of the fleet that is no console: it may look."""
ROOT = Actor("root", Role.ADMINISTRATOR)
"""The machine's own superuser, on the command line."""


def allows(actor: Actor, act: Act, pbx: int | None = None) -> bool:
    """Whether ``require`` would let the act pass."""
    if actor.pbx is not None and (act not in _IN_A_TENANT or pbx != actor.pbx):
        return False
    if actor.peer and act not in _BETWEEN_NODES:
        return False
    return actor.role >= _LEAST[act]


def require(actor: Actor, act: Act, pbx: int | None = None) -> None:
    """Refuse unless ``actor`` may do ``act``, on the virtual PBX ``pbx`` where the act concerns one."""
    if actor.pbx is not None and (act not in _IN_A_TENANT or pbx != actor.pbx):
        raise OUT_OF_SCOPE.refuse(scope=actor.pbx)
    if actor.peer and act not in _BETWEEN_NODES:
        raise NOT_BETWEEN_NODES.refuse()
    if actor.role < _LEAST[act]:
        raise FORBIDDEN.refuse(actor=actor.name, role=_LEAST[act].word)
