"""Firewall rules in words: types, origins, a rule as a sentence, and who decides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from babel import Locale

from admin_http.country_names import FLAGS
from admin_http.i18n import N_, Words
from asterisk_ext.domain.firewall import Decider, Explanation
from asterisk_ext.domain.firewall_origin import COUNTRY, LIST
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_types import TYPES, written

__all__ = ["FLAGS"]

ANY = {"any": N_("Any traffic"), "any_tcp": N_("Any TCP"), "any_udp": N_("Any UDP"), "console": N_("Console")}
SENTENCES = {
    (Direction.IN, Verdict.ALLOW): N_("In words: **{who}** may use {what}."),
    (Direction.IN, Verdict.DENY): N_("In words: **{who}** may not use {what}."),
    (Direction.OUT, Verdict.ALLOW): N_("In words: this server may use {what} of **{who}**."),
    (Direction.OUT, Verdict.DENY): N_("In words: this server may not use {what} of **{who}**."),
}
DERIVED = {
    "derived:nodes": N_("derived: the fleet"),
    "derived:trunks": N_("derived: trunks"),
    "derived:administrators": N_("derived: administrators"),
}


def type_word(type: str, words: Words) -> str:
    kind = TYPES[type]
    return words.text(ANY[type]) if type in ANY else kind.word


def origin_word(origin: str, words: Words) -> str:
    """``BR Brasil``, ``list offices``, ``203.0.113.0/24``."""
    if origin.startswith(COUNTRY):
        code = origin.removeprefix(COUNTRY)
        return f"{code} {country_name(code, words.language)}".strip()
    if origin.startswith(LIST):
        return words.text(N_("list {name}"), name=origin.removeprefix(LIST))
    return origin.replace("-", "–")


def country_name(code: str, language: str) -> str:
    """The country's name in the reader's language; empty where it has none."""
    return _territories(language).get(code, "")


@cache
def _territories(language: str) -> Mapping[str, str]:
    return dict(Locale.parse(language).territories)


def ports_word(rule: Rule) -> str:
    ports = rule.port_range
    return "" if ports is None else written(ports).replace("-", "–")


def sentence(rule: Rule, words: Words) -> str:
    """The whole rule, for whoever reads no table."""
    named = [origin_word(text, words) for text in rule.origins]
    who = words.text(N_("everybody"))
    if named:
        last = (
            words.text(N_("{first} or {last}"), first=", ".join(named[:-1]), last=named[-1]) if named[1:] else named[0]
        )
        who = words.text(N_("who comes from {places}"), places=last) if rule.direction is Direction.IN else last
    ports = ports_word(rule)
    what = type_word(rule.type, words)
    if ports:
        what = words.text(N_("{what} on port {ports}"), what=what, ports=ports)
    return words.rich(SENTENCES[rule.direction, rule.verdict], who=who, what=what)


def decision(told: Explanation, words: Words) -> str:
    """``No: rule 1 denies.``"""
    match told.by:
        case Decider.BAN:
            return words.text(N_("No: it is blocked (Blocked IPs)."))
        case Decider.DEFAULT:
            return words.text(N_("No: no rule lets it in."))
        case Decider.DERIVED:
            return words.text(N_("Yes: the fleet needs it."))
    if told.allowed:
        return words.text(N_("Yes: rule {number} allows."), number=told.number)
    return words.text(N_("No: rule {number} denies."), number=told.number)


def reason(by: Decider, number: int, words: Words) -> str:
    """Why somebody gets in or does not, in a table's cell."""
    if by is Decider.RULE:
        return words.text(N_("rule {number}"), number=number)
    return words.text(
        {
            Decider.BAN: N_("blocked"),
            Decider.DERIVED: N_("derived: the fleet needs it"),
            Decider.DEFAULT: N_("no rule lets it in any more"),
        }[by]
    )
