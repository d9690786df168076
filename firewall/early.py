"""What is in force before the guard runs: the last confirmed rules and the bans, put into the kernel at boot."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.config import Config
from asterisk_ext.domain.errors import Problem
from firewall.bans.engine import BanEngine
from firewall.countries.keeper import OFFERED, CountryKeeper
from firewall.guard import firewall_of, never_banned
from firewall.guard_state import GuardState
from firewall.kernel.drivers import kernel_of
from firewall.socket.api import Stream

STATE_LOST = Problem(
    "guard.state_unreadable",
    500,
    "The guard's state could not be read ({reason}): no ban is in force, and the default rules are.",
    "Look at guard.state in the settings; a copy of it may be put back while the guard is stopped.",
)


@dataclass(frozen=True, slots=True)
class Restored:
    rules: int
    bans: int
    rolled_back: bool
    """Whether a trial that nobody had confirmed is over by this."""


def restore(config: Config) -> Restored:
    """Needs CAP_NET_ADMIN and the guard's state. Refuses ``guard.already_running``, and ``guard.state_unreadable``
    after it has denied by default all the same."""
    place = Path(config.guard.state) / "guard.sqlite"
    try:
        return _restored(config, place)
    except sqlite3.Error as error:
        with tempfile.TemporaryDirectory() as empty:
            _restored(config, Path(empty) / "guard.sqlite")
        raise STATE_LOST.refuse(reason=error) from error


def _restored(config: Config, place: Path) -> Restored:
    settings = config.guard
    state, kernel = GuardState(place), kernel_of(settings.driver)
    try:
        countries = CountryKeeper(Path(settings.state), Path(config.node.state) / OFFERED, kernel.lists)
        firewall = firewall_of(config, kernel, state, Stream(), countries)
        engine = BanEngine(never_banned(config), kernel, state, time.time, lambda *_: None)
        firewall.start()
        bans = engine.restore()
        return Restored(len(firewall.confirmed.firewall.rules), bans, firewall.state().ended == "restarted")
    finally:
        kernel.close()
        state.close()
