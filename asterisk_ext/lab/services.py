"""What runs on every node, in the order in which it starts."""

from __future__ import annotations

from dataclasses import dataclass

from asterisk_ext.config import Audio, Guard
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.node_tree import ASTERISK_TREE, CONVERTER_UID, GUARD_UID
from asterisk_ext.lab.precedence import before_others
from asterisk_ext.lab.topology import CONSOLE_PORT


@dataclass(frozen=True, slots=True)
class Answers:
    """Ready when this command succeeds on the node."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listens:
    """Ready when the operator's machine can connect to this TCP port of the node."""

    port: int


@dataclass(frozen=True, slots=True)
class Exists:
    """Ready when this path is there on the node."""

    path: str


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    command: tuple[str, ...]
    ready: Answers | Listens | Exists


def of_node(install: Install, driver: str = Guard().driver, hosts: bool = True) -> tuple[Service, ...]:
    """The node service before Asterisk: it has the virtual PBXs in the database before Asterisk opens that.

    A server that ``hosts`` no virtual PBXs has neither Asterisk nor uploads to convert.
    """
    asterisk = Service("asterisk", _asterisk(install), Answers(("asterisk", "-rx", "core waitfullybooted")))
    guard = Service("guard", _guard(driver), Exists("/run/asterisk-ext/guard.sock"))
    node = Service("node", _node(install), Listens(CONSOLE_PORT))
    converter = Service("converter", _converter(), Exists(Audio().converter))
    return (guard, converter, node, asterisk) if hosts else (guard, node)


def as_asterisk(install: Install, command: tuple[str, ...]) -> tuple[str, ...]:
    """Run as Asterisk's user, without any capability."""
    return _setpriv(install.uid, install.gid, "-all", command)


def as_user(uid: int, command: tuple[str, ...]) -> tuple[str, ...]:
    """Run as a user who is a group of his own, without any capability."""
    return _setpriv(uid, uid, "-all", command)


def _asterisk(install: Install) -> tuple[str, ...]:
    daemon = ("/usr/sbin/asterisk", "-f", "-C", "/etc/asterisk/asterisk.conf")
    if not install.own_tree:
        return (*before_others(), *as_asterisk(install, daemon))
    user = ("chroot", f"--userspec={install.uid}:{install.gid}", "--groups=", str(ASTERISK_TREE))
    return (*before_others(), *user, *daemon)


def _guard(driver: str) -> tuple[str, ...]:
    """Its own user and two capabilities: the firewall's, and reading Asterisk's log; the legacy tables are spoken to
    through a raw socket."""
    capabilities = "-all,+net_admin,+dac_read_search" + (",+net_raw" if driver == "iptables" else "")
    return (*before_others(), *_setpriv(GUARD_UID, GUARD_UID, capabilities, ("asterisk-ext", "guard", "run")))


def _converter() -> tuple[str, ...]:
    """Its own user without any capability, in a network of its own that leads nowhere."""
    program = ("asterisk-ext", "audio", "converter")
    return ("unshare", "--net", *as_user(CONVERTER_UID, program))


def _node(install: Install) -> tuple[str, ...]:
    return as_asterisk(install, ("asterisk-ext", "node", "run"))


def _setpriv(uid: int, gid: int, capabilities: str, command: tuple[str, ...]) -> tuple[str, ...]:
    identity = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs")
    limits = (f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", f"--bounding-set={capabilities}")
    return ("setpriv", *identity, *limits, "--", *command)
