"""The guard's firewall in its durable state: the confirmed rules, a trial that began, whom the registry names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from asterisk_ext.domain.firewall import Needs
from asterisk_ext.domain.firewall_trial import Confirmed, Pending
from firewall.guard_state import GuardState
from firewall.rules.candidate import Composer

CONFIRMED, PENDING, TOLD = "confirmed", "pending", "told"
"""Under which names the state keeps them; ``TOLD``: nodes and trunks while no rules were confirmed."""


class KeptRules:
    def __init__(self, state: GuardState, composer: Composer) -> None:
        self._state = state
        self._composer = composer

    def confirmed(self) -> Confirmed:
        """With what the guard's settings name now; the default template where nobody has confirmed anything."""
        kept = self._state.firewall(CONFIRMED)
        if kept is None:
            named = self._state.firewall(TOLD)
            nodes, trunks = msgspec.json.decode(named, type=tuple[list[str], list[str]]) if named else ([], [])
            return _with(Confirmed(self._composer.usual()), self._composer.needs(nodes, trunks))
        confirmed = msgspec.json.decode(kept, type=Confirmed)
        told = confirmed.firewall.needs
        return _with(confirmed, self._composer.needs(told.nodes, told.trunks))

    def keep(self, confirmed: Confirmed) -> None:
        """Of the default template, which the settings may change, only whom the registry names."""
        if confirmed.at:
            self._state.put_firewall(CONFIRMED, msgspec.json.encode(confirmed))
        else:
            needs = confirmed.firewall.needs
            self._state.put_firewall(TOLD, msgspec.json.encode((needs.nodes, needs.trunks)))

    def confirm(self, confirmed: Confirmed) -> None:
        """The trial has ended well."""
        with self._state.change():
            self.keep(confirmed)
            self._state.forget_firewall(PENDING)

    def try_out(self, pending: Pending) -> None:
        self._state.put_firewall(PENDING, msgspec.json.encode(pending))

    def forget_trial(self) -> bool:
        """Whether there was one."""
        was = self._state.firewall(PENDING) is not None
        self._state.forget_firewall(PENDING)
        return was


def needs_after(composer: Composer, before: Needs, nodes: Sequence[str], trunks: Sequence[str]) -> Needs:
    """What holds once the registry names these.

    A node that is none any more is let in no longer. Addresses of trunks stay until rules are applied without them: a
    carrier's calls are worth waiting for an operator. Who names no node at all knows nothing of the fleet yet.
    """
    return composer.needs(nodes or before.nodes, (*before.trunks, *trunks))


def _with(confirmed: Confirmed, needs: Needs) -> Confirmed:
    return replace(confirmed, firewall=replace(confirmed.firewall, needs=needs))
