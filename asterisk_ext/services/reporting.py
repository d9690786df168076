"""What a node says of itself, every two and a half seconds and after every flip, to whoever looks at the fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from asterisk_ext.domain.server import LATE_AFTER, Report
from asterisk_ext.domain.spread import share
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.ports.asterisk import PhoneBook
from asterisk_ext.services.records import encode

PERIOD = 2.5
"""Seconds between reports."""
MOMENTS = 2
"""So many moments of a period, by the nodes' clocks, at which all nodes of a fleet report: a cluster of etcd makes what
comes together durable in one go, at a third of the price."""


class Served(Protocol):
    """By which map this node serves how many virtual PBXs."""

    @property
    def map_revision(self) -> int: ...

    @property
    def tenants(self) -> int: ...

    @property
    def revision(self) -> int: ...

    @property
    def prepared(self) -> tuple[str, ...]: ...

    async def moved_on(self, revision: int, at_most: float, prepared: tuple[str, ...] = ()) -> None: ...


class Delivered(Protocol):
    """Which choice of audios is in force here, and what of it could not be brought."""

    @property
    def revision(self) -> int: ...

    @property
    def missing(self) -> tuple[str, ...]: ...


class Obeyed(Protocol):
    """Up to which revision lifted bans are carried out here, and whose bans are held back, since they are too many."""

    @property
    def done(self) -> int: ...

    @property
    def held(self) -> Mapping[str, int]: ...


class Reporting:
    def __init__(
        self,
        node: str,
        version: str,
        serving: Served,
        audios: Delivered,
        phones: PhoneBook,
        calls: Callable[[], Mapping[str, int] | None],
        fleet: Fleet,
        bans: Obeyed,
        clock: Clock,
        hosts: bool = True,
        trunks: Callable[[], int | None] = lambda: None,
        hook: Callable[[], str] = str,
    ) -> None:
        """``calls``: how many are in progress here, by virtual PBX, None while that is not known; ``hosts``: whether
        Asterisk runs here; ``trunks``: the registry's revision by which it registers them; ``hook``: why the hoster's
        own program could not be told.
        """
        self._hook = hook
        self._clock = clock
        self._hosts = hosts
        self._bans = bans
        self._trunks = trunks
        self._node = node
        self._version = version
        self._serving = serving
        self._audios = audios
        self._phones = phones
        self._calls = calls
        self._fleet = fleet

    async def run(self, registry: Registry) -> None:
        """Report for ever, at once when a flip is served; raises when the registry is lost, to be called again."""
        told = 0
        while True:
            if self._serving.map_revision != told:
                # A maintenance on its way home ends when no phone is left: by no count from before.
                self._phones.recount()
            report = await self._report()
            await registry.beat(self._node, LATE_AFTER, encode(report))
            told = report.map_revision
            at_most = until_moment(self._node, self._clock())
            await self._serving.moved_on(report.map_revision, at_most, report.prepared or ())

    async def _report(self) -> Report:
        map_revision, prepared = self._serving.map_revision, self._serving.prepared
        revision = self._serving.revision
        phones, calls = await self._phones.registered(), self._calls()
        calls, calls_known = calls or {}, calls is not None
        homes = {pbx.id: pbx.home for pbx in self._fleet.tenants()}
        return Report(
            map_revision=map_revision,
            prepared=prepared,
            revision=revision,
            trunks=self._trunks(),
            pbx=self._serving.tenants,
            registered=sum(phones.values()),
            phones_from=by_home(homes, phones),
            calls=sum(calls.values()),
            calls_from=by_home(homes, {int(pbx): count for pbx, count in calls.items() if pbx.isdecimal()}),
            calls_known=calls_known,
            version=self._version,
            hosts=self._hosts,
            lifts=self._bans.done,
            held_of=self._bans.held,
            audio_revision=self._audios.revision,
            audios_missing=self._audios.missing,
            hook=self._hook(),
        )


def until_moment(node: str, now: float) -> float:
    """Seconds until ``node`` reports again, who does it now: a period, or what is left to its own moment. Pure."""
    left = (int(share(node) * MOMENTS) * PERIOD / MOMENTS - now) % PERIOD
    return left if left > PERIOD / 10 else left + PERIOD


def by_home(homes: Mapping[int, str], counts: Mapping[int, int]) -> dict[str, int]:
    """What is counted by virtual PBX, by the server that each is at home on. Pure."""
    summed: Counter[str] = Counter()
    for pbx, count in counts.items():
        if pbx in homes:
            summed[homes[pbx]] += count
    return dict(summed)
