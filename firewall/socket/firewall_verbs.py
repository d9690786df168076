"""The firewall's verbs on the guard's socket; answered with what ``domain.firewall_trial`` names."""

from __future__ import annotations

import msgspec

from asterisk_ext.domain.firewall_trial import Candidate, Question
from asterisk_ext.domain.firewall_types import Protocol


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
