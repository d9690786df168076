"""Edits of an ordered list of rules: each gives the whole new list, checked, or is refused (pure)."""

from __future__ import annotations

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall_origin import Known
from asterisk_ext.domain.firewall_rule import Rule, check_all

UNKNOWN_RULE = Problem(
    "firewall.rule_unknown", 404, "There is no rule {rule}.", "Look at the list of rules for its number."
)

Rules = tuple[Rule, ...]


def numbered(rules: Rules, wanted: str) -> int:
    """The place from 0 of a rule by its number from 1 or its id; refuses ``firewall.rule_unknown``."""
    for place, rule in enumerate(rules):
        if wanted in (rule.id, str(place + 1)):
            return place
    raise UNKNOWN_RULE.refuse(field="rule", rule=wanted)


def put(rules: Rules, rule: Rule, known: Known, number: int = 0) -> Rules:
    """The rule in the place of the one with its id; a new one before ``number``, or last (0)."""
    places = [place for place, other in enumerate(rules) if other.id == rule.id]
    if places:
        return check_all((*rules[: places[0]], rule, *rules[places[0] + 1 :]), known)
    place = number - 1 if 1 <= number <= len(rules) else len(rules)
    return check_all((*rules[:place], rule, *rules[place:]), known)


def moved(rules: Rules, wanted: str, number: int, known: Known) -> Rules:
    """The rule at another number; beyond the ends: first or last."""
    place = numbered(rules, wanted)
    others = (*rules[:place], *rules[place + 1 :])
    target = min(max(number, 1), len(rules)) - 1
    return check_all((*others[:target], rules[place], *others[target:]), known)


def without(rules: Rules, wanted: str) -> Rules:
    place = numbered(rules, wanted)
    return (*rules[:place], *rules[place + 1 :])
