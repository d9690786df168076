"""The node's settings: one TOML file, checked whole before anything starts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from asterisk_ext.domain.errors import Problem

DEFAULT_PATH = Path("/etc/asterisk-ext/config.toml")

UNREADABLE = Problem(
    "config.unreadable",
    500,
    "The settings file {path} cannot be read: {reason}.",
    "Correct the file and start again.",
)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the settings file; an unknown key is refused rather than ignored."""


class Node(Section, frozen=True):
    name: str = "node1"
    state: str = "/var/lib/asterisk-ext"
    """Directory of the node's own state: registry or its copy, audios, realtime database."""
    run: str = "/run/asterisk-ext"


class Registry(Section, frozen=True):
    engine: str = "embedded"
    serve: bool = True
    """This node holds the fleet's registry and serves it to the others."""
    url: str = ""
    """Where the registry is served, when it is not here: ``http://198.18.1.1:8480``."""
    secret_file: str = "/etc/asterisk-ext/fleet.secret"
    """The fleet's shared secret, presented to the registry; a file, never an argument."""


class ServiceLimit(Section, frozen=True):
    """A ban policy of one service's own, such as ``[guard.services.AMI]``."""

    failures: int = 4
    window_hours: float = 6
    ban_hours: float = 24


class Guard(Section, frozen=True):
    socket: str = "/run/asterisk-ext/guard.sock"
    state: str = "/var/lib/asterisk-ext-guard"
    log: str = "/var/log/asterisk/security"
    driver: str = "nftables"
    failures: int = 4
    window_hours: float = 6
    ban_hours: float = 24
    protect_registered: bool = True
    never_ban: tuple[str, ...] = ()
    node_service_uid: int = -1
    """The user id that may call the socket besides root; -1 for none."""
    services: dict[str, ServiceLimit] = {}
    """Services with a limit and a count of their own, by Asterisk's name: ``PJSIP``, ``AMI``."""
    mass_failures: int = 10
    """So many protected addresses failing within a minute are our fault: their bans are suspended."""
    fleet: tuple[str, ...] = ()
    """The other nodes' addresses: never banned, and open to one another."""
    sip_udp: tuple[str, ...] = ("5060",)
    sip_tcp: tuple[str, ...] = ("5060", "5061")
    rtp: tuple[str, ...] = ("10000-20000",)
    ssh: tuple[str, ...] = ("22",)
    track_media: bool = False
    """Track SIP and RTP in conntrack; only where this machine translates addresses for them."""
    notices: bool = False
    """Read also the classical NOTICE lines in the same file. They cannot be made safe: see firewall/notice_log.py."""


class AdminHttp(Section, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8480


class FastAgi(Section, frozen=True):
    host: str = "127.0.0.1"
    port: int = 4573


class Asterisk(Section, frozen=True):
    etc: str = "/etc/asterisk"
    sounds: str = "/var/lib/asterisk-ext/sounds"
    ari_url: str = "http://127.0.0.1:8088/ari"
    ari_user: str = "asterisk-ext"
    ari_secret_file: str = "/etc/asterisk-ext/ari.secret"


class Config(Section, frozen=True):
    node: Node = Node()
    registry: Registry = Registry()
    guard: Guard = Guard()
    admin_http: AdminHttp = AdminHttp()
    fastagi: FastAgi = FastAgi()
    asterisk: Asterisk = Asterisk()


def load(path: Path = DEFAULT_PATH) -> Config:
    """Read and check the settings; raises ``config.unreadable`` with the place of the fault."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Config)
    except (OSError, msgspec.DecodeError) as error:
        raise UNREADABLE.refuse(path=path, reason=error) from error
