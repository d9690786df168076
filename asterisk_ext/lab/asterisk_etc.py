"""A lab node's /etc/asterisk: what is the lab's own, and the hotel's files, which a hoster wrote by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from asterisk_ext import config
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.sample import HOTEL, HOTEL_EXTENSIONS, account
from asterisk_ext.lab.topology import SIP_PORT, Host, Topology
from dialplan import base_config

VERBATIM = ("modules.conf", "rtp.conf", "hotel_extensions.conf", "hotel_queues.conf")
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


def render(node: Host, install: Install, plan: Plan) -> dict[str, str]:
    """The files by name: the product's include files, and around them what a hoster has of his own."""
    product = base_config.render(_product(plan))
    include = {name: f'#include "{included}"\n' for name, included in base_config.includes().items()}
    own = {name: _resource(name) for name in VERBATIM} | dict.fromkeys(DEFAULTS, "")
    return {
        **own,
        **product,
        **include,
        "asterisk.conf": _asterisk(node, install),
        "manager.conf": "[general]\nenabled = no\n",
        "logger.conf": _resource("logger.conf") + include["logger.conf"],
        "pjsip.conf": include["pjsip.conf"] + _transports(node) + '\n#include "hotel_pjsip.conf"\n',
        "hotel_pjsip.conf": _hotel_pjsip(plan.topology, plan.passwords),
        "extensions.conf": "[general]\nstatic = yes\n\n"
        + include["extensions.conf"]
        + '#include "hotel_extensions.conf"\n',
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


def _product(plan: Plan) -> base_config.BaseConfig:
    defaults = config.Asterisk()
    return base_config.BaseConfig(
        database=defaults.realtime,
        sounds=defaults.sounds,
        tracking=base_config.AriUser(user=defaults.ari_user, password=plan.ari_secret),
        hangup=base_config.AriUser(user=defaults.ari_acting_user, password=plan.ari_acting_secret),
    )


def _transports(node: Host) -> str:
    return "".join(
        f"\n[{protocol}]\ntype = transport\nprotocol = {protocol}\nbind = {node.ipv4}:{SIP_PORT}\n"
        for protocol in ("udp", "tcp")
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
