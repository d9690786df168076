"""The node's settings: one TOML file, checked whole before anything starts. Each field says what it is for."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from asterisk_ext.config.guard import Guard as Guard
from asterisk_ext.config.guard import ServiceLimit as ServiceLimit
from asterisk_ext.config.section import Port as Port
from asterisk_ext.config.section import Section as Section
from asterisk_ext.domain.errors import Problem

DEFAULT_PATH = Path("/etc/asterisk-ext/config.toml")

UNREADABLE = Problem(
    "config.unreadable", 500, "The settings file {path} cannot be read: {reason}.", "Correct the file and start again."
)


class Node(Section, frozen=True):
    name: Annotated[str, Meta(description="This server's name in the registry.")] = "node1"
    state: Annotated[str, Meta(description="Directory of the node service's own state.")] = "/var/lib/asterisk-ext"
    run: Annotated[str, Meta(description="Directory of the Unix sockets.")] = "/run/asterisk-ext"


class Registry(Section, frozen=True):
    engine: Annotated[
        Literal["embedded", "etcd"],
        Meta(description="`embedded`: kept by one node for all. `etcd`: in an etcd cluster, reached by every node."),
    ] = "embedded"
    etcd: Annotated[
        tuple[str, ...], Meta(description="The cluster's servers, all of them: `https://198.18.1.1:2379`.")
    ] = ()
    serve: Annotated[
        bool,
        Meta(
            description="This node keeps the fleet's authority, which admits the others, and the embedded registry. "
            "False on every other: they learn where it is by `asterisk-ext node join`."
        ),
    ] = True
    consoles: Annotated[
        tuple[str, ...],
        Meta(
            description="With `serve`: the other servers, by name, on which operators may change what concerns the "
            "whole fleet. Any further one may look and writes only what is its own: who steals it does not own the "
            "fleet."
        ),
    ] = ()


class Countries(Section, frozen=True):
    sources: Annotated[
        tuple[str, ...],
        Meta(
            description="The five registries' delegated-extended files, by address or path; a `.md5` beside one must "
            "fit. Empty: only what is handed over."
        ),
    ] = (
        "https://ftp.afrinic.net/pub/stats/afrinic/delegated-afrinic-extended-latest",
        "https://ftp.apnic.net/stats/apnic/delegated-apnic-extended-latest",
        "https://ftp.arin.net/pub/stats/arin/delegated-arin-extended-latest",
        "https://ftp.lacnic.net/pub/stats/lacnic/delegated-lacnic-extended-latest",
        "https://ftp.ripe.net/pub/stats/ripencc/delegated-ripencc-extended-latest",
    )
    schedule: Annotated[
        str, Meta(description="When they are fetched, as in a crontab, give or take half an hour; empty: never.")
    ] = "30 4 * * *"


class AdminHttp(Section, frozen=True):
    host: Annotated[str, Meta(description="Address that the console and the API listen on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Its port.")] = 8480
    hoster: Annotated[str, Meta(description="The hoster's name, above the navigation.")] = "asterisk-ext"
    zone: Annotated[str, Meta(description="Time zone in which pages tell times.")] = "America/Sao_Paulo"


class Fleet(Section, frozen=True):
    host: Annotated[str, Meta(description="Address that the other nodes reach this one at, by mutual TLS.")] = "0.0.0.0"
    port: Annotated[Port, Meta(description="Its port; the server's record says the same.")] = 8481


class FastAgi(Section, frozen=True):
    host: Annotated[str, Meta(description="Address of the gate; keep it on loopback.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Its port.")] = 4573


SupportLine = Annotated[str, Meta(pattern="^[0-9]{2,15}$")]


class Gate(Section, frozen=True):
    support_lines: Annotated[
        tuple[SupportLine, ...],
        Meta(description="Your own numbers, as they are dialled: they pass whatever the status, like an emergency."),
    ] = ()
    internal_passes_in_total_block: Annotated[
        bool, Meta(description="In a total block extensions may still call each other.")
    ] = False
    answer: Annotated[bool, Meta(description="Answer a blocked call before its audio plays. It is billed then.")] = (
        False
    )
    cut_calls: Annotated[
        bool,
        Meta(description="End the calls in progress when a total block is set; emergencies and support lines never."),
    ] = False
    announcements_per_pbx: Annotated[
        int, Meta(ge=1, le=1000, description="Announcements at once of one virtual PBX; above it a call ends at once.")
    ] = 10
    announcements_per_node: Annotated[
        int, Meta(ge=1, le=10_000, description="The same, of all virtual PBXs of a server.")
    ] = 200


class Maintenance(Section, frozen=True):
    hook: Annotated[
        tuple[str, ...],
        Meta(
            description="A program of yours and its arguments, run here when a maintenance begins or ends that this "
            "server has part in: followed by `enter` or `leave`, the source and the destination. Empty: none."
        ),
    ] = ()
    hook_seconds: Annotated[float, Meta(gt=0, le=600, description="Seconds within which it must end.")] = 30


class Asterisk(Section, frozen=True):
    here: Annotated[
        bool,
        Meta(
            description="Whether Asterisk runs on this server. False on a DATABASE or CDN server: the guard, health "
            "reports and the console run there, and no virtual PBX is hosted."
        ),
    ] = True
    realtime: Annotated[str, Meta(description="The SQLite database that Asterisk reads virtual PBXs from.")] = (
        "/var/lib/asterisk-ext/realtime/realtime.sqlite3"
    )
    program: Annotated[str, Meta(description="Asterisk's command.")] = "asterisk"
    files: Annotated[str, Meta(description="Asterisk's own directory, for `node asterisk-files`.")] = "/etc/asterisk"
    emergency_trunks: Annotated[
        tuple[str, ...],
        Meta(description="Endpoints of your own that carry emergency calls when all trunks of a virtual PBX fail."),
    ] = ()
    registrations: Annotated[
        str, Meta(description="The include file of `pjsip.conf` with the trunks that register; written by us.")
    ] = "/etc/asterisk/asterisk-ext.registrations.conf"
    nodes: Annotated[
        str, Meta(description="The include file of `pjsip.conf` for calls between the fleet's servers; written by us.")
    ] = "/etc/asterisk/asterisk-ext.nodes.conf"
    node_port: Annotated[
        int, Meta(ge=1, le=65535, description="TCP port of those calls (TLS); the same on every server of the fleet.")
    ] = 5062
    sounds: Annotated[str, Meta(description="Where audios are put for Asterisk.")] = "/var/lib/asterisk-ext/sounds"
    missed_calls: Annotated[
        str, Meta(description="Where Asterisk itself notes what it blocks while the node service is dead.")
    ] = "/var/lib/asterisk-ext/realtime/missed_calls"
    ari_url: Annotated[str, Meta(description="Where ARI answers; loopback.")] = "http://127.0.0.1:8088/ari"
    ari_user: Annotated[str, Meta(description="ARI's user for tracking; it may only look.")] = "asterisk-ext"
    ari_secret_file: Annotated[str, Meta(description="File with its password.")] = "/etc/asterisk-ext/ari.secret"
    ari_acting_user: Annotated[str, Meta(description="ARI's user that filters events and hangs up.")] = (
        "asterisk-ext-act"
    )
    ari_acting_secret_file: Annotated[str, Meta(description="File with its password.")] = (
        "/etc/asterisk-ext/ari-act.secret"
    )


class Audio(Section, frozen=True):
    converter: Annotated[
        str, Meta(description="Socket of the converter, a process of its own that decodes what people upload.")
    ] = "/run/asterisk-ext-audio/converter.sock"
    largest_mb: Annotated[int, Meta(ge=1, le=60, description="Megabytes of an upload.")] = 20
    longest_announcement: Annotated[
        int, Meta(ge=1, le=60, description="Seconds of an announcement; the dialplan cuts at 60.")
    ] = 60
    longest_music: Annotated[int, Meta(ge=1, le=1800, description="Seconds of music on hold.")] = 300
    blocked_calls_days: Annotated[
        float, Meta(gt=0, description="Days that blocked calls are kept: they name callers.")
    ] = 90
    blocked_calls_most: Annotated[
        int, Meta(ge=1000, description="Blocked calls kept at most; the oldest leave first, the counts stay.")
    ] = 500_000


class Dns(Section, frozen=True):
    """Read on the server that keeps the registry alone, as its key is."""

    server: Annotated[str, Meta(description="Address of a DNS server that takes updates (RFC 2136). Empty: none.")] = ""
    port: Annotated[Port, Meta(description="Its port, TCP.")] = 53
    zone: Annotated[str, Meta(description="The zone of the servers' registration names: `sip.example.net`.")] = ""
    key_name: Annotated[str, Meta(description="Name of the TSIG key.")] = "asterisk-ext"
    key_algorithm: Annotated[
        Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"], Meta(description="Its algorithm.")
    ] = "hmac-sha256"
    key_secret_file: Annotated[str, Meta(description="File with its secret in base64, on this server alone.")] = (
        "/etc/asterisk-ext/dns.secret"
    )
    ttl: Annotated[
        int, Meta(ge=5, le=3600, description="Seconds for which resolvers may remember a registration name.")
    ] = 30

    def __post_init__(self) -> None:
        if self.server and ipaddress.ip_address(self.server) and not self.zone:
            raise ValueError("server is given and zone is not")


class Config(Section, frozen=True):
    node: Node = Node()
    registry: Registry = Registry()
    guard: Guard = Guard()
    countries: Countries = Countries()
    admin_http: AdminHttp = AdminHttp()
    fleet: Fleet = Fleet()
    fastagi: FastAgi = FastAgi()
    gate: Gate = Gate()
    maintenance: Maintenance = Maintenance()
    asterisk: Asterisk = Asterisk()
    audio: Audio = Audio()
    dns: Dns = Dns()


def secret(path: str) -> str:
    """The secret in a file; empty when the file is empty. Refuses ``config.unreadable``."""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise UNREADABLE.refuse(path=path, reason=error.strerror) from error


def load(path: Path = DEFAULT_PATH) -> Config:
    """Read and check the settings; refuses ``config.unreadable`` with the place of the fault."""
    try:
        loaded = msgspec.toml.decode(path.read_bytes(), type=Config)
        ZoneInfo(loaded.admin_http.zone)
    except (OSError, msgspec.DecodeError, ZoneInfoNotFoundError, ValueError) as error:
        raise UNREADABLE.refuse(path=path, reason=error) from error
    return loaded
