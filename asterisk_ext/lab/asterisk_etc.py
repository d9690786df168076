"""A lab node's /etc/asterisk: what is the lab's own, and the hotel's files, which a hoster wrote by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.sample import HOTEL, HOTEL_EXTENSIONS, account
from asterisk_ext.lab.topology import SIP_PORT, Host, Topology

VERBATIM = ("modules.conf", "logger.conf", "rtp.conf", "hotel_extensions.conf", "hotel_queues.conf")
DEFAULTS = (
    "acl.conf",
    "ccss.conf",
    "cdr.conf",
    "cel.conf",
    "features.conf",
    "indications.conf",
    "pjproject.conf",
    "queuerules.conf",
    "udptl.conf",
    "websocket_client.conf",
)
"""Left empty: Asterisk's own defaults serve, and it does not complain of their absence."""


def render(
    node: Host, topology: Topology, install: Install, passwords: Mapping[str, str], ari_secret: str
) -> dict[str, str]:
    """The files by name; ``passwords`` are the accounts', of which the hotel's are used here."""
    own = {name: _resource(name) for name in VERBATIM} | dict.fromkeys(DEFAULTS, "")
    return own | {
        "asterisk.conf": _asterisk(node, install),
        "http.conf": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = 8088\n",
        "ari.conf": _ari(ari_secret),
        "manager.conf": "[general]\nenabled = no\n",
        "pjsip.conf": _pjsip(node),
        "hotel_pjsip.conf": _hotel_pjsip(topology, passwords),
        "extensions.conf": '[general]\nstatic = yes\n\n#include "hotel_extensions.conf"\n',
        "queues.conf": '[general]\npersistentmembers = no\n\n#include "hotel_queues.conf"\n',
        "confbridge.conf": "[general]\n",
    }


def write(place: Path, texts: Mapping[str, str], install: Install) -> None:
    """Secrets are among them: readable by Asterisk alone."""
    for name, text in texts.items():
        path = place / name
        path.touch(mode=0o600)
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, install.uid, install.gid)


def _asterisk(node: Host, install: Install) -> str:
    return (
        "[directories]\n"
        "astetcdir = /etc/asterisk\n"
        f"astmoddir = {install.modules}\n"
        "astrundir = /run/asterisk\n"
        "astlogdir = /var/log/asterisk\n"
        "\n[options]\n"
        f"systemname = {node.name}\n"
        "nocolor = yes\n"
        "hideconnect = yes\n"
    )


def _ari(secret: str) -> str:
    return f"[general]\nenabled = yes\n\n[asterisk-ext]\ntype = user\nread_only = no\npassword = {secret}\n"


def _pjsip(node: Host) -> str:
    transports = "".join(
        f"\n[{protocol}]\ntype = transport\nprotocol = {protocol}\nbind = {node.ipv4}:{SIP_PORT}\n"
        for protocol in ("udp", "tcp")
    )
    return (
        "[global]\ntype = global\nuser_agent = Asterisk\ndefault_realm = asterisk-ext\n"
        + transports
        + '\n#include "hotel_pjsip.conf"\n'
    )


def _hotel_pjsip(topology: Topology, passwords: Mapping[str, str]) -> str:
    text = _resource("hotel_endpoints.conf")
    for extension in HOTEL_EXTENSIONS:
        name = account(HOTEL, extension)
        text += (
            f"\n[{name}](hotel)\nauth = {name}\naors = {name}\ncallerid = {extension} <{extension}>\n"
            f"\n[{name}](hotel-auth)\nusername = {name}\npassword = {passwords[name]}\n"
            f"\n[{name}](hotel-aor)\n"
        )
    carrier = topology.host("carrier").ipv4
    return text + (
        f"\n[hotel-carrier]\ntype = endpoint\ncontext = hotel-serra-alta\ntenantid = {HOTEL}\naors = hotel-carrier\n"
        "disallow = all\nallow = alaw,ulaw\ndirect_media = no\n"
        f"\n[hotel-carrier]\ntype = aor\ncontact = sip:{carrier}:{SIP_PORT}\n"
    )


def _resource(name: str) -> str:
    return files(__package__).joinpath("etc", name).read_text()
