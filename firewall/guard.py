"""The guard: everything it runs, on one screen."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from asterisk_ext.config import Config
from asterisk_ext.domain.address_list import network_of
from asterisk_ext.domain.ban import BanPolicy, Limit, Policy
from asterisk_ext.tasks import Tasks
from firewall.ban_engine import BanEngine
from firewall.country_keeper import OFFERED, CountryKeeper
from firewall.enforcement import WATCH_EVERY
from firewall.follower import LogFollower
from firewall.guard_state import GuardState
from firewall.iptables import IptablesKernel
from firewall.kernel import UNKNOWN_DRIVER, Kernel
from firewall.metrics import metrics_text
from firewall.nftables import NftablesKernel
from firewall.notice_log import NoticeLogReader
from firewall.ruleset import Ruleset
from firewall.ruleset_strangers import Strangers
from firewall.security_log_reader import SecurityLogReader
from firewall.socket_api import (
    TOO_WIDE,
    AcceptCountries,
    Allow,
    BanAddress,
    Countries,
    Country,
    Emergency,
    Explain,
    Fleet,
    LiftBan,
    ListBans,
    ListSpared,
    Metrics,
    Request,
    SocketApi,
    Status,
    Stream,
    TakeCountries,
)
from firewall.spared import HeldBack

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.0/8", "::1")
HOUSEKEEPING_SECONDS = 3600.0
REPAIR_PAUSE_SECONDS = 0.05
"""A foreign change comes as many messages; look once they have ended."""
LOOK_SECONDS = 0.5
"""How often to look where the kernel does not tell."""
WIDEST_FLEET_NETWORK = {4: 24, 6: 48}


async def run(config: Config, stop: asyncio.Event) -> None:
    """Guard this node until ``stop`` is set. Needs CAP_NET_ADMIN, CAP_DAC_READ_SEARCH and its own state directory."""
    settings = config.guard
    stream = Stream()
    kernel = kernel_of(settings.driver)
    state = GuardState(Path(settings.state) / "guard.sqlite")
    policy = BanPolicy(policy_of(config), os.urandom(16), [*LOOPBACK, *settings.never_ban, *settings.fleet])
    held = HeldBack(time.time)

    def publish(kind: str, details: Mapping[str, object]) -> None:
        held.note(kind, details)
        stream.publish(kind, details)

    engine = BanEngine(policy, kernel, state, time.time, publish)
    rules = ruleset_of(config)
    kernel.apply(rules)
    engine.restore()
    reader = NoticeLogReader if settings.notices else SecurityLogReader
    follower = LogFollower(Path(settings.log), engine, state.place(), reader)
    countries = CountryKeeper(Path(settings.state), Path(config.node.state) / OFFERED, kernel.lists)
    answers = Answers(engine, follower, held, countries, config)
    api = SocketApi(Path(settings.socket), settings.node_service_uid, answers.answer, stream)
    await api.open()
    async with Tasks() as tasks:
        follower.start()
        repairs = Repairs(kernel, engine, rules, stream)
        repairs.start()
        tasks.keep("guard's mark for the kernel", lambda: _watch(engine, follower), pause=WATCH_EVERY)
        tasks.keep("guard housekeeping", lambda: _tidy(engine), pause=HOUSEKEEPING_SECONDS)
        log.info("guarding with %s; %d bans in force", settings.driver, len(engine.bans()))
        await stop.wait()
        repairs.close()
        follower.close()
    await api.close()
    state.close()
    kernel.close()


class Answers:
    """What each verb of the socket does."""

    def __init__(
        self, engine: BanEngine, follower: LogFollower, held: HeldBack, countries: CountryKeeper, config: Config
    ) -> None:
        self._engine = engine
        self._follower = follower
        self._held = held
        self._countries = countries
        self._config = config

    def answer(self, request: Request) -> object:
        engine = self._engine
        match request:
            case Status():
                return self._status()
            case Metrics():
                return self._metrics()
            case ListBans():
                return [asdict(ban) for ban in engine.bans()]
            case ListSpared():
                return [asdict(row) for row in self._held.rows(engine.slowed())]
            case BanAddress(address, seconds, reason):
                return asdict(engine.ban(address, seconds, "operator", reason))
            case LiftBan(address):
                engine.lift(address)
            case Allow(network, _, True):
                engine.disallow(network)
            case Allow(network, note):
                return engine.allow(network, note)
            case Explain(address):
                return engine.explain(address)
            case Emergency(addresses, seconds):
                engine.set_emergency(addresses, seconds)
            case Fleet(networks):
                self._set_fleet(networks)
            case Countries() | Country() | TakeCountries() | AcceptCountries():
                return self._countries.answer(request)
        return None

    def _status(self) -> dict[str, object]:
        policy = self._engine.policy
        return {
            "driver": self._config.guard.driver,
            "bans": len(self._engine.bans()),
            "suspended_until": policy.suspended_until if policy.is_suspended(time.time()) else None,
            "never_ban": [*policy.never_ban, *policy.derived],
            "log_offset": self._follower.place.offset,
            "since_start": asdict(self._engine.counts),
        }

    def _metrics(self) -> str:
        engine, place = self._engine, self._follower.place
        return metrics_text(
            counts=engine.counts,
            bans_in_force=len(engine.bans()),
            bans_by_origin=engine.bans_by_origin,
            failures_by_service=engine.failures_by_service,
            suspended=engine.policy.is_suspended(time.time()),
            log_offset=place.offset,
            log_behind=self._follower.behind,
        )

    def _set_fleet(self, networks: list[str]) -> None:
        for text in networks:
            network = network_of(text)
            if network.prefixlen < WIDEST_FLEET_NETWORK[network.version]:
                raise TOO_WIDE.refuse(field="networks", network=network)
        self._engine.set_fleet(networks)


class Repairs:
    """Puts rules and bans back when somebody else has removed or changed them."""

    def __init__(self, kernel: Kernel, engine: BanEngine, rules: Ruleset, stream: Stream) -> None:
        self._kernel = kernel
        self._engine = engine
        self._rules = rules
        self._stream = stream
        self._timer: asyncio.TimerHandle | None = None
        self._last = -1
        """Bans in the kernel at the last look, where it does not tell of changes."""

    def start(self) -> None:
        if self._kernel.changes() >= 0:
            self._kernel.drain_changes()
            asyncio.get_running_loop().add_reader(self._kernel.changes(), self._on_change)
        else:
            self._look_later(LOOK_SECONDS)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._kernel.changes() >= 0:
            asyncio.get_running_loop().remove_reader(self._kernel.changes())

    def _on_change(self) -> None:
        if self._kernel.drain_changes() and self._timer is None:
            self._look_later(REPAIR_PAUSE_SECONDS)

    def _look_later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        broken = not self._kernel.is_intact()
        if broken:
            self._kernel.apply(self._rules)
        told = self._kernel.changes() >= 0
        repaired = (told or broken or self._has_lost_bans()) and self._engine.repair(lost=broken)
        if repaired or broken:
            self._kernel.drain_changes()
            self._engine.counts.repaired += 1
            self._stream.publish("repaired", {"rules": broken})
        if not told:
            self._look_later(LOOK_SECONDS)

    def _has_lost_bans(self) -> bool:
        """There are fewer than there should be. Only then are they listed: 50,000 take a tenth of a second."""
        count = self._kernel.count()
        if count == self._last:
            return False
        self._last = count
        return count < self._engine.bans_in_force()


def kernel_of(driver: str) -> Kernel:
    """The driver of that name. Refuses ``kernel.unknown_driver``."""
    if driver == "nftables":
        return NftablesKernel()
    if driver == "iptables":
        return IptablesKernel()
    raise UNKNOWN_DRIVER.refuse(field="driver", driver=driver)


def policy_of(config: Config) -> Policy:
    """The settings' ban policy. Refuses ``ban.policy_invalid``."""
    guard = config.guard
    return Policy(
        Limit(guard.failures, guard.window_hours * 3600, guard.ban_hours * 3600),
        {
            name: Limit(limit.failures, limit.window_hours * 3600, limit.ban_hours * 3600)
            for name, limit in guard.services.items()
        },
        guard.protect_registered,
        guard.mass_failures,
    )


def ruleset_of(config: Config) -> Ruleset:
    guard = config.guard
    # NOTICE lines tell of no success: everybody would be a stranger for good.
    limited = guard.limit_strangers and not guard.notices
    return Ruleset(
        sip_udp=guard.sip_udp,
        sip_tcp=guard.sip_tcp,
        rtp=guard.rtp,
        ssh=guard.ssh,
        console=(str(config.admin_http.port),),
        fleet=guard.fleet,
        untracked=not guard.track_media,
        strangers=Strangers(guard.failures, guard.strangers_total) if limited else None,
    )


async def _tidy(engine: BanEngine) -> None:
    engine.forget_old()
    engine.repair()


async def _watch(engine: BanEngine, follower: LogFollower) -> None:
    if follower.place.inode:
        engine.watch()
