"""The guard: everything it runs, on one screen."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from asterisk_ext.config import Config, Guard
from asterisk_ext.domain.address_list import network_of
from asterisk_ext.domain.ban import BanPolicy, Limit, Policy
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.tasks import Tasks
from firewall.bans.enforcement import WATCH_EVERY
from firewall.bans.engine import BanEngine
from firewall.bans.follower import LogFollower
from firewall.bans.spared import HeldBack
from firewall.countries.keeper import OFFERED, CountryKeeper
from firewall.guard_state import GuardState
from firewall.kernel.drivers import kernel_of
from firewall.kernel.flow_end import end_flows
from firewall.kernel.port import Kernel
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.strangers import Strangers
from firewall.kernel.tcp_end import end_connections
from firewall.log.capture import Capture
from firewall.log.notices import NoticeLogReader
from firewall.log.security_reader import SecurityLogReader
from firewall.metrics import metrics_text
from firewall.proof.prover import Task, prove
from firewall.rules.answers import FirewallAnswers
from firewall.rules.gone import Gone
from firewall.rules.guard_firewall import GuardFirewall
from firewall.rules.repairs import Repairs
from firewall.socket.api import (
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

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.0/8", "::1")
HOUSEKEEPING_SECONDS = 3600.0
SWITCH_SECONDS = 0.0005
"""A ban asks for the interpreter several times, and each time a thread that loads a list could keep it for so long."""
WIDEST_FLEET_NETWORK = {4: 24, 6: 48}


async def run(config: Config, stop: asyncio.Event) -> None:
    """Guard this node until ``stop`` is set. Needs CAP_NET_ADMIN, CAP_DAC_READ_SEARCH and its own state directory."""
    settings = config.guard
    sys.setswitchinterval(SWITCH_SECONDS)
    stream = Stream()
    kernel = kernel_of(settings.driver)
    state = GuardState(Path(settings.state) / "guard.sqlite")
    policy = never_banned(config)
    held = HeldBack(time.time)

    def publish(kind: str, details: Mapping[str, object]) -> None:
        held.note(kind, details)
        stream.publish(kind, details)

    engine = BanEngine(policy, kernel, state, time.time, publish)
    countries = CountryKeeper(Path(settings.state), Path(config.node.state) / OFFERED, kernel.lists)
    firewall = firewall_of(config, kernel, state, stream, countries)
    firewall.start()
    engine.restore()
    reader = NoticeLogReader if settings.notices else SecurityLogReader
    follower = LogFollower(Path(settings.log), engine, state.place(), reader)
    gone = Gone(_end, {*firewall.confirmed.firewall.needs.nodes}.difference(settings.fleet))
    answers = Answers(engine, follower, held, countries, config, FirewallAnswers(firewall, engine, gone))
    api = SocketApi(Path(settings.socket), settings.node_service_uid, answers.answer, stream)
    await api.open()
    async with Tasks() as tasks:
        follower.start()
        capture = capture_of(settings, engine)
        repairs = Repairs(kernel, engine, firewall, stream, tasks)
        repairs.start()
        tasks.keep("guard's mark for the kernel", lambda: _watch(engine, follower), pause=WATCH_EVERY)
        tasks.keep("servers that have left the fleet", gone.run)
        tasks.keep("guard housekeeping", lambda: _tidy(engine), pause=HOUSEKEEPING_SECONDS)
        log.info("guarding with %s; %d bans in force", settings.driver, len(engine.bans()))
        await stop.wait()
        repairs.close()
        follower.close()
        if capture is not None:
            capture.close()
    await api.close()
    firewall.close()
    state.close()
    kernel.close()


def _end(addresses: Collection[str]) -> int:
    return end_connections(addresses) + end_flows(addresses)


def capture_of(settings: Guard, engine: BanEngine) -> Capture | None:
    """None where it is not wanted or cannot be had: the log alone serves better than no guard."""
    if not settings.capture_port:
        return None
    try:
        return Capture(settings, lambda found: engine.take(found, None))
    except Refusal as refusal:
        log.error("%s", refusal)
        return None


class Answers:
    """What each verb of the socket does."""

    def __init__(
        self,
        engine: BanEngine,
        follower: LogFollower,
        held: HeldBack,
        countries: CountryKeeper,
        config: Config,
        firewall: FirewallAnswers,
    ) -> None:
        self._firewall = firewall
        self._engine = engine
        self._follower = follower
        self._held = held
        self._countries = countries
        self._config = config

    def answer(self, request: Request, uid: int = 0) -> object:
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
            case BanAddress(address, seconds, reason, origin):
                return asdict(engine.ban(address, seconds, origin, reason))
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
            case _:
                return self._firewall.answer(request, uid)
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


def never_banned(config: Config) -> BanPolicy:
    """The settings' ban policy with the networks that they never ban."""
    guard = config.guard
    return BanPolicy(policy_of(config), os.urandom(16), [*LOOPBACK, *guard.never_ban, *guard.fleet])


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


def firewall_of(
    config: Config, kernel: Kernel, state: GuardState, stream: Stream, countries: CountryKeeper
) -> GuardFirewall:
    driver = config.guard.driver

    async def proved(firewall: Firewall, questions: Sequence[Question]) -> list[bool]:
        return await prove(Task(driver, firewall, list(questions), str(countries.path)))

    return GuardFirewall(
        kernel,
        state,
        config.guard,
        ruleset_of(config),
        str(config.admin_http.port),
        clock=time.time,
        publish=stream.publish,
        prove=proved,
        countries=countries,
    )


def ruleset_of(config: Config) -> Ruleset:
    guard = config.guard
    # NOTICE lines tell of no success: everybody would be a stranger for good.
    limited = guard.limit_strangers and not guard.notices
    return Ruleset(
        sip_udp=guard.sip_udp,
        sip_tcp=guard.sip_tcp,
        rtp=guard.rtp,
        untracked=not guard.track_media,
        strangers=Strangers(guard.failures, guard.strangers_total) if limited else None,
    )


async def _tidy(engine: BanEngine) -> None:
    engine.forget_old()
    engine.repair()


async def _watch(engine: BanEngine, follower: LogFollower) -> None:
    if follower.place.inode:
        engine.watch()
