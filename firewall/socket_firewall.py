"""The firewall's verbs on the guard's socket: what is asked and what is answered."""

from __future__ import annotations

import msgspec

from asterisk_ext.domain.firewall import Explanation, Firewall
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_types import Protocol
from firewall.proof_packets import Question


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the node's service would have: the hoster's rules and lists, and the addresses of the registry's nodes and
    trunks. What the guard's own settings name comes on top of them."""

    rules: list[Rule]
    lists: dict[str, list[str]] = {}
    nodes: list[str] = []
    trunks: list[str] = []


class FirewallState(msgspec.Struct, tag_field="verb", tag="firewall", forbid_unknown_fields=True):
    """The rules in force, and a candidate on trial."""


class FirewallPlan(msgspec.Struct, tag_field="verb", tag="firewall_plan", forbid_unknown_fields=True):
    """What a candidate would let in, by proof, and what it would weaken."""

    candidate: Candidate
    questions: list[Question]


class FirewallApply(msgspec.Struct, tag_field="verb", tag="firewall_apply", forbid_unknown_fields=True):
    """Try a candidate. ``session``: what the operator himself needs; ``force``: although it cuts him off."""

    candidate: Candidate
    by: str
    session: list[Question] = []
    force: bool = False
    seconds: float = 60.0


class FirewallConfirm(msgspec.Struct, tag_field="verb", tag="firewall_confirm", forbid_unknown_fields=True):
    """Keep the candidate on trial; ``digest`` says which."""

    digest: str


class FirewallRollback(msgspec.Struct, tag_field="verb", tag="firewall_rollback", forbid_unknown_fields=True):
    """End the trial now."""


class FirewallEndorse(msgspec.Struct, tag_field="verb", tag="firewall_endorse", forbid_unknown_fields=True):
    """Root's own word that a candidate may weaken what the guard keeps; not for the node's service."""

    digest: str


class FirewallNeeds(msgspec.Struct, tag_field="verb", tag="firewall_needs", forbid_unknown_fields=True):
    """Nodes and trunks of the registry: new ones are let in at once; gone ones stay until a candidate without them."""

    nodes: list[str]
    trunks: list[str]


class FirewallExplain(msgspec.Struct, tag_field="verb", tag="firewall_explain", forbid_unknown_fields=True):
    """Who decides about an address, by the rules in force or by a candidate's."""

    address: str
    protocol: Protocol
    port: int = 0
    candidate: Candidate | None = None


FirewallRequest = (
    FirewallState
    | FirewallPlan
    | FirewallApply
    | FirewallConfirm
    | FirewallRollback
    | FirewallEndorse
    | FirewallNeeds
    | FirewallExplain
)
FIREWALL_VERBS = (
    *(FirewallState, FirewallPlan, FirewallApply, FirewallConfirm, FirewallRollback),
    *(FirewallNeeds, FirewallExplain),
)
"""What the node's service may ask; endorsing is root's."""


class Confirmed(msgspec.Struct, frozen=True):
    """The rules that hold; ``at`` is 0 while they are the default template's."""

    firewall: Firewall
    by: str = ""
    at: float = 0.0


class Pending(msgspec.Struct, frozen=True):
    """A candidate on trial until ``deadline`` (seconds since 1970)."""

    firewall: Firewall
    digest: str
    by: str
    at: float
    deadline: float


class Country(msgspec.Struct, frozen=True):
    code: str
    prefixes4: int
    prefixes6: int


class State(msgspec.Struct, frozen=True):
    confirmed: Confirmed
    pending: Pending | None
    countries: list[Country]
    countries_since: str
    others: list[str]
    """Other managers of this machine's firewall."""
    ended: str = ""
    """How the last trial ended: ``confirmed``, ``rolled_back``, ``timed_out``, ``restarted``; empty: none yet."""


class Answer(msgspec.Struct, frozen=True):
    """One question of a plan: before and after."""

    before: Explanation
    after: Explanation
    through: bool | None
    """Whether the crafted packet came through; None where there was no proof."""


class Plan(msgspec.Struct, frozen=True):
    digest: str
    weakened: list[str]
    """What only root's word lets pass; see ``domain.firewall.weakened``."""
    answers: list[Answer]
    unproved: str
    """Why there was no proof; empty: there was."""
    seconds: float
