"""A lab node's /etc/asterisk: the product's own configuration as a hoster includes it, the lab's choice of modules,
and the hotel's files, which a hoster wrote by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from asterisk_ext.config import Config
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.certificates import CERTIFICATE, KEY
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.sample import HOTEL, HOTEL_EXTENSIONS, account
from asterisk_ext.lab.topology import SIP_PORT, TLS_PORT, Host, Topology
from dialplan import base_config

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


def render(node: Host, plan: Plan, install: Install, config: Config) -> dict[str, str]:
    """The files by name; secrets are among them."""
    product = base_config.of(config, plan.ari_secret, plan.ari_acting_secret)
    own = {
        "asterisk.conf": _asterisk(install),
        "manager.conf": "[general]\nenabled = no\n",
        "pjsip.conf": _transports(node) + '\n#include "hotel_pjsip.conf"\n',
        "hotel_pjsip.conf": _hotel_pjsip(plan.topology, plan.passwords),
        "extensions.conf": '#include "hotel_extensions.conf"\n',
        "queues.conf": '[general]\npersistentmembers = no\n\n#include "hotel_queues.conf"\n',
        "confbridge.conf": "[general]\n",
        "hep.conf": _hep(config.guard.capture_port, plan.hep_secret),
        **dict.fromkeys(DEFAULTS, ""),
        **{name: _resource(name) for name in VERBATIM},
    }
    included = {name: own.get(name, "") + f'#include "{theirs}"\n' for name, theirs in base_config.includes().items()}
    return own | included | base_config.render(product)


def _asterisk(install: Install) -> str:
    return (
        "[directories]\n"
        "astetcdir = /etc/asterisk\n"
        f"astmoddir = {install.modules}\n"
        "astrundir = /run/asterisk\n"
        "astlogdir = /var/log/asterisk\n"
        "\n[options]\n"
        "nocolor = yes\n"
        "hideconnect = yes\n"
    )


def _hep(port: int, secret: str) -> str:
    return (
        "[general]\nenabled = yes\nuuid_type = call-id\ncapture_id = 1\n"
        f"capture_address = 127.0.0.1:{port}\ncapture_password = {secret}\n"
    )


def _transports(node: Host) -> str:
    tls = f"cert_file = /etc/asterisk/{CERTIFICATE}\npriv_key_file = /etc/asterisk/{KEY}\nmethod = tlsv1_2\n"
    return "\n".join(
        f"[{protocol}{family}]\ntype = transport\nprotocol = {protocol}\nbind = {address}:{port}\n{more}"
        for family, address in (("4", node.ipv4), ("6", f"[{node.ipv6}]"))
        for protocol, port, more in (("udp", SIP_PORT, ""), ("tcp", SIP_PORT, ""), ("tls", TLS_PORT, tls))
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
