"""The configuration that this product gives Asterisk: one include file for each of Asterisk's own files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined

from asterisk_ext import config
from asterisk_ext.domain.emergency import DEFAULT_NUMBERS, MARK, dialled_forms
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.gate import Policy
from asterisk_ext.domain.pbx import ANNOUNCEMENT, REALM
from dialplan import memory, node_trunk
from dialplan.realtime_schema import DATABASE, TABLES
from dialplan.registrations import INCLUDE
from dialplan.rows import NODES, emergency_forms

FILES = ("extconfig", "res_config_sqlite3", "sorcery", "pjsip", "extensions", "ari", "http", "logger")

MISSED_CALLS_MOST = 20_000_000
"""Bytes: some 150,000 calls. Beyond it a call is not noted, so that a dialler cannot fill the disk."""

NODES_SILENCE = 4
"""Seconds after which a server that was handed a call and shows no sign of ringing is given up."""
NODES_LONGEST = 300
"""Seconds that phones ring at another server at most: there the extension's own time ends it sooner."""

UNSAFE = Problem(
    "dialplan.unsafe_setting",
    500,
    "Asterisk's configuration was not written: {value!r} cannot stand in it as {name}.",
    "Correct that setting.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AriUser:
    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseConfig:
    """What differs between nodes; ``database`` and ``sounds`` are absolute paths as Asterisk sees them."""

    database: str
    tracking: AriUser
    """May only look: the live calls."""
    hangup: AriUser
    """May also hang up."""
    sounds: str = "/var/lib/asterisk-ext/sounds"
    missed_calls: str = "/var/lib/asterisk-ext/realtime/missed_calls"
    """Where the dialplan notes blocked calls that the service did not take."""
    agi: str = "agi://127.0.0.1:4573/gate"
    node_emergency_trunks: tuple[str, ...] = ()
    """Endpoints that carry emergency calls when the tenant's own trunks fail, in order."""
    policy: Policy = field(default_factory=Policy)
    language: str = "pt_BR"
    tenant_cap: int = 10
    node_cap: int = 200
    longest: int = 60
    """Seconds after which an announcement is cut."""
    silence: int = 8
    """Seconds without any sign of ringing after which the next trunk is tried; a mobile phone may take some."""
    emergency_silence: int = 4
    node_port: int = 5062
    """TCP port of the calls between the fleet's servers."""


def of(whole: config.Config, looking: str, acting: str) -> BaseConfig:
    """As a node's settings have it; ``looking`` and ``acting`` are the passwords of ARI's two users."""
    settings, gate = whole.asterisk, whole.gate
    return BaseConfig(
        database=settings.realtime,
        sounds=settings.sounds,
        missed_calls=settings.missed_calls,
        tracking=AriUser(user=settings.ari_user, password=looking),
        hangup=AriUser(user=settings.ari_acting_user, password=acting),
        node_emergency_trunks=settings.emergency_trunks,
        policy=Policy(gate.internal_passes_in_total_block, gate.answer, gate.support_lines),
        node_port=settings.node_port,
        tenant_cap=gate.announcements_per_pbx,
        node_cap=gate.announcements_per_node,
    )


def includes() -> dict[str, str]:
    """Asterisk's file → the include that it must hold: ``extensions.conf`` → ``asterisk-ext.extensions.conf``.

    ``logger.conf`` holds it inside ``[logfiles]``; every other file anywhere.
    """
    return {f"{name}.conf": f"asterisk-ext.{name}.conf" for name in FILES}


def render(base: BaseConfig) -> dict[str, str]:
    """The include files by name; refuses ``dialplan.unsafe_setting`` for a value that could end its line."""
    _check(base)
    environment = Environment(
        loader=PackageLoader("dialplan"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - these are Asterisk's files, not HTML; every value is checked above
    )
    values = {
        "tables": TABLES,
        "database": DATABASE,
        "file": base.database,
        "realm": REALM,
        "tracking": base.tracking,
        "hangup": base.hangup,
        "sounds": base.sounds,
        "missed_calls": base.missed_calls,
        "missed_calls_most": MISSED_CALLS_MOST,
        "agi": base.agi,
        "node_emergency_trunks": "&".join(f"{name}/" for name in base.node_emergency_trunks),
        "emergency_forms": emergency_forms(dialled_forms(DEFAULT_NUMBERS, ("0",))),
        "support_lines": "." + "".join(f"{number}." for number in base.policy.support_lines),
        "policy": base.policy,
        "emergency_mark": MARK,
        "language": base.language,
        "tenant_cap": base.tenant_cap,
        "node_cap": base.node_cap,
        "longest": base.longest,
        "silence": base.silence,
        "emergency_silence": base.emergency_silence,
        "announcement": ANNOUNCEMENT,
        "remembered": memory.REMEMBERED,
        "remembered_seconds": memory.SECONDS,
        "together_seconds": memory.SECONDS_TOGETHER,
        "registrations": INCLUDE,
        "node_trunk": node_trunk.INCLUDE,
        "nodes": NODES,
        "nodes_port": base.node_port,
        "nodes_silence": NODES_SILENCE,
        "nodes_longest": NODES_LONGEST,
    }
    return {included: environment.get_template(f"{name}.j2").render(values) for name, included in includes().items()}


_PATTERNS = {
    "path": re.compile(r"/[A-Za-z0-9._/-]+"),
    "user": re.compile(r"[A-Za-z0-9_-]{1,40}"),
    "password": re.compile(r"[A-Za-z0-9_.~-]{12,128}"),
    "AGI address": re.compile(r"agi://[A-Za-z0-9.:\[\]-]+/[a-z]+"),
    "trunk": re.compile(r"[A-Za-z0-9_.-]{1,80}"),
    "support line": re.compile(r"[0-9]{2,15}"),
    "language": re.compile(r"pt_BR|en"),
}


def _check(base: BaseConfig) -> None:
    for name, value in (
        ("path", base.database),
        ("path", base.sounds),
        ("path", base.missed_calls),
        ("user", base.tracking.user),
        ("user", base.hangup.user),
        ("password", base.tracking.password),
        ("password", base.hangup.password),
        ("AGI address", base.agi),
        ("language", base.language),
        *(("trunk", trunk) for trunk in base.node_emergency_trunks),
        *(("support line", number) for number in base.policy.support_lines),
    ):
        if not _PATTERNS[name].fullmatch(value):
            raise UNSAFE.refuse(field=name, name=name, value="…" if name == "password" else value)
