"""A small fleet behind the console: a registry in memory, the real services, a guard and live calls that are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from admin_http.services import Services
from asterisk_ext.domain.access import ROOT, Act, Actor, Role, require
from asterisk_ext.domain.audio import Limits
from asterisk_ext.domain.call_media import Detail, RtpStatistics, media_of
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Silent, Snapshot
from asterisk_ext.domain.call_rows import Destination
from asterisk_ext.domain.call_rows import Row as Call
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Did, Extension, Pbx, RingGroup, Trunk, digest
from asterisk_ext.domain.server import Report, Server, Technology
from asterisk_ext.ports import UNREACHABLE, Clock
from asterisk_ext.ports.guard import Attempt, Banned, GuardEvent, Spared
from asterisk_ext.registry.fake import FakeRegistry
from asterisk_ext.services import records
from asterisk_ext.services.audios import Audios
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.bans import Bans
from asterisk_ext.services.blocked_calls import BlockedCalls
from asterisk_ext.services.call_history import CallHistory
from asterisk_ext.services.countries import Countries
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.fleet_bans import FleetBans
from asterisk_ext.services.joining import Joining
from asterisk_ext.services.live_calls import UNKNOWN
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.maintenance_runner import MaintenanceRunner
from asterisk_ext.services.pbx_blocks import PbxBlocks
from asterisk_ext.services.pbx_move import PbxMove
from asterisk_ext.services.pbx_parts import PbxParts
from asterisk_ext.services.promotion import Promotion
from asterisk_ext.services.servers import Servers
from asterisk_ext.services.times import iso
from asterisk_ext.services.users import User, Users, hashed
from asterisk_ext.services.virtual_pbx import VirtualPbxs
from asterisk_ext.store import LocalCopy
from dialplan.audio.defaults import shipped_recordings
from tests.unit.services.fake_audios import CallsInMemory, FakeConverter
from tests.unit.services.fake_certificates import FakeCertificates
from tests.unit.services.fake_countries import FakeCountries
from tests.unit.services.fake_firewall import FakeCarriers, FakeElsewhere, FakeFirewallGuard, FakePhones
from tests.unit.services.fake_peers import FakePeers

NOW = 1_786_601_662.0
ZONE = ZoneInfo("America/Sao_Paulo")
SALT = bytes(16)
PASSWORD = "correct horse battery"
PEER = "the fleet's own secret"
NOT_BANNED = Problem("ban.not_there", 404, "{address} is not blocked.", "There is nothing to lift.")
LINE = (
    '[2026-08-13 03:09:14.556] SECURITY[1183] SecurityEvent="ChallengeResponseFailed",Severity="Error",'
    'Service="PJSIP",AccountID="1_202",LocalAddress="IPV4/UDP/198.18.1.1/5060",'
    'RemoteAddress="IPV4/UDP/203.0.113.45/5071",Challenge="…",Response="…"'
)


@cache
def _stored_password() -> str:
    """Computed once: it is slow on purpose."""
    return hashed(PASSWORD, SALT)


class FakeGuard:
    """``ports.Guard`` in a dictionary; ``silent`` makes it unreachable."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.silent = False
        self.banned: dict[str, Banned] = {}
        self.spares: list[Spared] = []
        self.happens: list[GuardEvent] = []

    async def bans(self) -> list[Banned]:
        if self.silent:
            raise UNREACHABLE.refuse()
        return list(self.banned.values())

    async def spared(self) -> list[Spared]:
        if self.silent:
            raise UNREACHABLE.refuse()
        return list(self.spares)

    async def metrics(self) -> str:
        if self.silent:
            raise UNREACHABLE.refuse()
        return f"asterisk_ext_guard_bans {len(self.banned)}\n"

    async def events(self) -> AsyncGenerator[GuardEvent]:
        for event in self.happens:
            yield event

    async def ban(self, address: str, reason: str, by: str) -> Banned:
        ban = Banned(address=address, since=NOW, until=NOW + 86_400, failures=0, reason=reason)
        self.banned[address] = ban
        return ban

    async def ban_for_fleet(self, address: str, seconds: float, node: str) -> None:
        now = self._clock()
        self.banned[address] = Banned(address, now, now + seconds, 0, node, "fleet")

    async def lift(self, address: str, by: str) -> None:
        slowed = [row for row in self.spares if (row.address, row.reason) == (address, "slowed")]
        self.spares = [row for row in self.spares if row not in slowed]
        if self.banned.pop(address, None) is None and not slowed:
            raise NOT_BANNED.refuse(address=address)

    async def set_fleet(self, addresses: Sequence[str]) -> None:
        return


class FakeLiveCalls:
    """``LiveCalls`` in a dictionary; ``say`` and ``end`` reach every watcher."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.watchers: set[asyncio.Queue[Difference]] = set()
        self.sure = True
        self.late: list[str] = []
        self.silent: list[Silent] = []
        self.hung_up: list[str] = []
        self.left = asyncio.Event()

    async def table(self, actor: Actor) -> Snapshot:
        return self.here(actor)

    def here(self, actor: Actor) -> Snapshot:
        wanted = [call for call in self.calls.values() if actor.pbx is None or call["pbx"] == str(actor.pbx)]
        newest = sorted(wanted, key=lambda call: call["started"], reverse=True)
        return Snapshot(calls=newest, sure=self.sure, silent=self.silent, late=self.late)

    async def watch(self, actor: Actor) -> AsyncGenerator[Difference]:
        queue: asyncio.Queue[Difference] = asyncio.Queue()
        self.watchers.add(queue)
        try:
            yield self.here(actor)
            while True:
                yield await queue.get()
        finally:
            self.watchers.discard(queue)
            self.left.set()

    async def detail(self, actor: Actor, linkedid: str, server: str = "") -> Detail:
        found = [call for call in self.here(actor).calls if call["linkedid"] == linkedid]
        if not found:
            raise UNKNOWN.refuse(linkedid=linkedid)
        told = RtpStatistics(rxcount=99, rxploss=1, txjitter=0.002)
        return {"call": found[0], "media": [media_of(found[0]["origin"]["channel"], told)]}

    async def hang_up(self, actor: Actor, linkedid: str, server: str = "") -> None:
        require(actor, Act.HANG_UP)
        if linkedid not in self.calls:
            raise UNKNOWN.refuse(linkedid=linkedid)
        self.hung_up.append(linkedid)
        self.end(linkedid)

    def say(self, call: Call) -> None:
        self.calls[call["linkedid"]] = call
        for queue in self.watchers:
            queue.put_nowait(Changed(call))

    def fall_silent(self, server: str, calls: list[Call]) -> None:
        self.silent = [Silent(server=server, since=NOW - 100, calls=calls)]
        for queue in self.watchers:
            queue.put_nowait(self.here(ROOT))

    def tell_late(self, servers: list[str]) -> None:
        self.late = servers
        for queue in self.watchers:
            queue.put_nowait(self.here(ROOT))

    def end(self, linkedid: str) -> None:
        gone = self.calls.pop(linkedid, None)
        for queue in self.watchers:
            queue.put_nowait(Ended(linkedid, (gone["server"] or "") if gone else ""))


class FakeDoor:
    keeper = "FLN-CORE-01"
    url = ""
    port = 8481
    fingerprint = "f" * 64


class World:
    """The fleet at ``now``; node1 runs the console."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.registry = FakeRegistry(self.clock)
        self.fleet = LocalCopy(path, self.clock)
        self.guard = FakeGuard(self.clock)
        self.peers = FakePeers()
        self.calls = FakeLiveCalls()
        self.lists = FakeCountries()
        self.audit = Audit(self.registry, self.fleet, self.clock)
        self.countries = Countries(self.lists, self.lists, ["lacnic"], self.audit, self.clock)
        self.users = Users(self.registry, self.fleet, self.audit)
        self.servers = Servers(self.registry, self.fleet, self.audit, self.clock)
        self.tenants = VirtualPbxs(self.registry, self.fleet, self.audit, self.clock)
        self.firewall_guard, self.phones, self.carriers = FakeFirewallGuard(), FakePhones(), FakeCarriers()
        self.elsewhere = FakeElsewhere(self.users.behind)
        self.elsewhere.nodes["SPO-NODE-01"] = self.firewalls("SPO-NODE-01", FakeFirewallGuard())
        self.blocked = CallsInMemory()
        self.audios = Audios(self.registry, self.fleet, self.audit, FakeConverter(), Limits(), self.clock)
        self.call_history = CallHistory("FLN-CORE-01", lambda: 2, self.fleet, self.clock)
        self.call_history.look()
        self.certificates = FakeCertificates()
        self.runner = MaintenanceRunner("FLN-CORE-01", self.registry, self.fleet, self.audit, self.calls, self.clock)
        self.services = Services(
            firewall=self.firewalls("FLN-CORE-01", self.firewall_guard),
            servers=self.servers,
            joining=Joining(self.registry, self.fleet, self.audit, FakeDoor(), self.clock),
            maintenance=Maintenance(
                self.registry, self.fleet, self.runner, self.clock, certified=self.certificates, patience=0
            ),
            virtual_pbxs=self.tenants,
            pbx_move=PbxMove(self.registry, self.fleet, self.tenants, self.clock, patience=0),
            pbx_parts=PbxParts(self.fleet, self.tenants),
            pbx_blocks=PbxBlocks(self.fleet, self.tenants),
            users=self.users,
            promotion=Promotion("FLN-CORE-01", self.fleet, None, self.audit, self.clock),
            audit=self.audit,
            bans=Bans("FLN-CORE-01", self.guard, self.audit, self.peers, self.fleet, self.registry, self.clock),
            fleet_bans=FleetBans(self.registry, self.fleet, self.audit, self.clock),
            countries=self.countries,
            live_calls=self.calls,
            call_history=self.call_history,
            blocked_calls=BlockedCalls("FLN-CORE-01", self.blocked, self.peers, self.fleet, self.audit),
            audios=self.audios,
            shipped=shipped_recordings(),
            fleet=self.fleet,
            clock=self.clock,
            node="FLN-CORE-01",
            peer_of=lambda request: "node2" if request.headers.get("X-Test-Node") == PEER else "",
            zone=ZONE,
            version="0.1.0",
        )

    def firewalls(self, node: str, guard: FakeFirewallGuard) -> Firewalls:
        return Firewalls(
            node, self.registry, self.fleet, guard, self.elsewhere, self.phones, self.carriers, self.audit, self.clock
        )

    def clock(self) -> float:
        return self.now

    root = ROOT

    async def token(self, role: str, pbx: int | None = None) -> str:
        return await self.users.issue_token(ROOT, f"{role}'s token", Role[role.upper()], pbx)

    async def truth(self) -> tuple[object, ...]:
        """All that an act could have changed."""
        kept = [
            (await self.registry.snapshot(prefix))[0]
            for prefix in ("server/", "pbx/", "user/", "audio/", "audio_use/", "maintenance")
        ]
        return kept, dict(self.guard.banned), sorted(self.calls.calls)

    async def report(self, node: str, registered: int = 0, calls: int = 0) -> None:
        report = Report(version="22.10.1", registered=registered, calls=calls, audio_revision=self.fleet.revision)
        await self.registry.beat(node, 6.0, records.encode(report))
        await self.fleet.hear(self.registry)

    async def fill(self) -> None:
        """Servers in each state, virtual PBXs in each status, two bans, some calls, a user of each role."""
        kinds = (Technology.DATABASE, Technology.CORE_SERVER, Technology.CORE_SERVER, Technology.NODE, Technology.NODE)
        names = ("DB-REGISTRO", "FLN-CORE-01", "POA-CORE-01", "SPO-NODE-01", "CWB-NODE-01")
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True), 1):
            await self.add_server(number, name, kind)
        await self.add_server(6, "RIO-CORE-01", Technology.CORE_SERVER)
        self.now -= 364
        await self.report("CWB-NODE-01", registered=480, calls=4)
        self.now += 364
        for name, registered, calls in (
            ("DB-REGISTRO", 0, 0),
            ("FLN-CORE-01", 22, 3),
            ("POA-CORE-01", 6, 1),
            ("SPO-NODE-01", 31, 57),
        ):
            await self.report(name, registered=registered, calls=calls)
        for number, name, home in (
            (1, "Clínica Vale Azul", "FLN-CORE-01"),
            (17, "Auto Peças Litoral", "SPO-NODE-01"),
            (31, "Transportes Pampa", "FLN-CORE-01"),
            (52, "Central Médica 24h", "POA-CORE-01"),
            (88, "Hotel Serra Alta", "CWB-NODE-01"),
        ):
            await self.tenants.save(ROOT, tenant(number, name, home))
        for role in Role:
            user = User(name=role.word, role=role, salt=SALT.hex(), scrypt=_stored_password())
            await self.registry.create(records.USERS + role.word, records.encode(user))
        self.guard.banned["203.0.113.45"] = Banned(
            address="203.0.113.45",
            since=NOW - 308,
            until=NOW + 86_092,
            failures=4,
            reason="",
            origin="log",
            attempts=tuple(
                Attempt(NOW - 308 - seconds, "PJSIP", "UDP", account, "ChallengeResponseFailed", LINE)
                for seconds, account in ((41, "1_200"), (28, "1_201"), (12, "1_201"), (0, "1_202"))
            ),
        )
        self.guard.banned["2001:db8:40:7::/64"] = Banned(
            address="2001:db8:40:7::/64", since=NOW - 60_000, until=NOW + 26_400, failures=5, reason="", origin="log"
        )
        self.guard.spares.append(
            Spared(
                address="203.0.113.160",
                since=NOW - 900,
                until=NOW + 85_500,
                failures=12,
                reason="own_account",
                accounts=("17_200",),
                attempts=(Attempt(NOW - 60, "PJSIP", "TCP", "17_200", "ChallengeResponseFailed", LINE),),
            )
        )
        for call in sample_calls():
            self.calls.calls[call["linkedid"]] = call
        await self.fleet.reached((await self.registry.snapshot(""))[1])

    async def add_server(self, number: int, name: str, technology: Technology) -> None:
        server = Server(
            id=number,
            name=name,
            technology=technology,
            ip=f"198.18.{number}.1",
            registration=f"{name.split('-')[0].lower()}.example.com" if technology.hosts else "",
        )
        await self.servers.add(ROOT, server)


def tenant(number: int, name: str, home: str) -> Pbx:
    extensions = tuple(
        Extension(number=str(200 + n), name=text, digest=digest(f"{number}_{200 + n}", "x"), webrtc=n == 0)
        for n, text in enumerate(("Recepção", "Balcão", "Consultório"))
    )
    return Pbx(
        id=number,
        name=name,
        domain=f"pbx{number}.example.com",
        home=home,
        extensions=extensions,
        trunks=(Trunk(name="trunk14", host="198.18.250.1"),),
        ring_groups=(RingGroup(number="600", name="Plantão", members=("200", "201")),),
        dids=(Did(number=f"48312101{number:02d}", target="600"), Did(number=f"48312102{number:02d}", target="200")),
        emergency_trunks=("trunk14",),
    )


def call(
    linkedid: str, pbx: str, age: float, caller: str, dialled: str, state: str = "Up", *legs: Destination, **origin: str
) -> Call:
    started = iso(NOW - age).replace("Z", ".000Z")
    return {
        "linkedid": linkedid,
        "pbx": pbx,
        "server": "FLN-CORE-01",
        "started": started,
        "answered": started if state == "Up" else None,
        "origin": {
            "channel": origin.get("channel", f"PJSIP/{pbx}_trunk14-0000000a"),
            "state": state,
            "caller": caller,
            "name": origin.get("name", ""),
            "dialled": dialled,
            "codecs": ["alaw"] if state == "Up" else ["alaw", "ulaw", "gsm"],
        },
        "destinations": list(legs),
    }


def leg(channel: str, state: str, answerer: str | None = None, name: str = "", codec: str = "alaw") -> Destination:
    return {"channel": channel, "state": state, "codecs": [codec], "answerer": answerer, "name": name}


def sample_calls() -> list[Call]:
    group = [
        leg(f"PJSIP/31_{200 + n}-0000001{n}", "Busy" if n == 2 else "Ringing", codec="alaw opus") for n in range(9)
    ]
    return [
        call("1786601660.8", "88", 2, "114", "200", "Ring", leg("PJSIP/88_200-00000001", "Busy"), name="Quarto 114"),
        call("1786601653.100", "31", 9, "4835063033", "4831210131", "Ring", *group),
        call(
            "1786601555.302",
            "88",
            107,
            "4840363369",
            "4831210188",
            "Up",
            leg("PJSIP/88_200-00000002", "Up", "200", "Portaria"),
        ),
        call(
            "1786601290.779",
            "1",
            372,
            "200",
            "202",
            "Up",
            leg("PJSIP/1_202-00000003", "Up", "202", "Consultório", "opus"),
            channel="PJSIP/1_200-00000004",
            name="Recepção",
        ),
        call(
            "1786600912.114",
            "52",
            750,
            "207",
            "192",
            "Up",
            leg("PJSIP/52_trunk14-00000005", "Up", "192", "SAMU"),
            channel="PJSIP/52_207-00000006",
            name="Plantão 2",
        ),
    ]
