"""What the firewall's routes take and give."""

from __future__ import annotations

import msgspec

from asterisk_ext.domain.firewall import Explanation
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol


class NewRule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is sent; ``number`` is where a new one goes (0: last), ``revision`` the draft's as it was seen."""

    direction: Direction = Direction.IN
    verdict: Verdict = Verdict.ALLOW
    type: str
    origins: list[str] = []
    ports: str = ""
    description: str = ""
    enabled: bool = True
    number: int = 0
    revision: int | None = None

    def rule(self, id: str = "") -> Rule:
        return Rule(
            id=id,
            direction=self.direction,
            verdict=self.verdict,
            type=self.type,
            origins=tuple(self.origins),
            ports=self.ports,
            description=self.description,
            enabled=self.enabled,
        )


class Seen(msgspec.Struct, kw_only=True):
    revision: int | None = None


class Move(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    number: int
    revision: int | None = None


class Session(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the operator himself needs, besides the console from where he asks: his SSH session, say."""

    session: list[Question] = []
    revision: int = 0
    """Of the registry, which the answer must know of: how another node, which has just edited the draft, asks."""


class Apply(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``digest`` is the plan's; ``acknowledged`` says how many would be cut."""

    digest: str
    acknowledged: int = 0
    session: list[Question] = []
    force: bool = False
    revision: int = 0


class Confirm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    digest: str


class Template(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    template: str = "default"


class Entries(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``revision`` is the list's as it was seen, 0 for a new one; without it the list is what it was, whatever that."""

    entries: list[str]
    revision: int | None = None


class Asked(msgspec.Struct, kw_only=True):
    address: str
    protocol: Protocol = Protocol.UDP
    port: int = 0
    revision: int = 0


class Told(msgspec.Struct, kw_only=True):
    """Who decides by the rules in force, and by the draft."""

    now: Explanation
    draft: Explanation
