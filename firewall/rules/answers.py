"""What the firewall's verbs of the guard's socket do."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, ip_address

from asterisk_ext.domain.address_list import source_of
from asterisk_ext.domain.firewall import NOT_A_QUESTION
from asterisk_ext.domain.firewall_trial import Candidate, Question
from firewall.bans.engine import BanEngine
from firewall.rules.gone import Gone
from firewall.rules.guard_firewall import GuardFirewall
from firewall.socket.firewall_verbs import (
    FirewallApply,
    FirewallConfirm,
    FirewallEndorse,
    FirewallExplain,
    FirewallNeeds,
    FirewallPlan,
    FirewallRollback,
    FirewallState,
)


class FirewallAnswers:
    def __init__(self, firewall: GuardFirewall, engine: BanEngine, gone: Gone) -> None:
        self._firewall = firewall
        self._gone = gone
        self._engine = engine

    def answer(self, request: object, uid: int) -> object:
        """The answer, or something to await for it."""
        firewall = self._firewall
        match request:
            case FirewallState():
                return firewall.state()
            case FirewallPlan(candidate, questions):
                return firewall.plan(candidate, checked(questions), self._is_banned())
            case FirewallApply(candidate, by, session, force, seconds):
                return firewall.apply(candidate, by, checked(session), force, seconds, root=uid == 0)
            case FirewallConfirm(digest):
                return firewall.confirm(digest)
            case FirewallRollback():
                return firewall.roll_back()
            case FirewallEndorse(digest):
                firewall.endorse(digest)
            case FirewallNeeds(nodes, trunks):
                self._gone.told(nodes)
                return firewall.need(nodes, trunks)
            case FirewallExplain(address, protocol, port, candidate):
                return self._explain(Question(address, protocol, port), candidate)
        return None

    def _explain(self, question: Question, candidate: Candidate | None) -> object:
        (asked,) = checked([question])
        rules = self._firewall.composed(candidate) if candidate is not None else None
        return self._firewall.explain(asked, rules, banned=self._is_banned()(asked.address))

    def _is_banned(self) -> BannedNow:
        return BannedNow(frozenset(ban.source for ban in self._engine.bans()))


class BannedNow:
    """Whether an address is banned, by a list taken once."""

    def __init__(self, sources: frozenset[str]) -> None:
        self._sources = sources

    def __call__(self, address: str) -> bool:
        return source_of(address) in self._sources


def checked(questions: list[Question]) -> list[Question]:
    """Questions that can be asked: an address in its one spelling, a port. Refuses ``firewall.question_invalid``."""
    return [_checked(one) for one in questions]


def _checked(question: Question) -> Question:
    try:
        address = ip_address(question.address.partition("%")[0])
    except ValueError:
        raise NOT_A_QUESTION.refuse(field="address", reason=f"{question.address!r} is no address") from None
    if not 0 <= question.port <= 65535:
        raise NOT_A_QUESTION.refuse(field="port", reason=f"{question.port} is no port")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return replace(question, address=str(mapped or address))
