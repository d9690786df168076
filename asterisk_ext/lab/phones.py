"""The sample's phones: one baresip holds all accounts of a machine, registers them and answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asterisk_ext.lab.sample import Account
from asterisk_ext.lab.topology import DNS_PORT, SIP_PORT, Host, Kind, Topology, registration_name

REGISTER_SECONDS = 60
NAMED_SECONDS = 30
"""Where phones follow names; Asterisk takes no less."""
NOBODY = 65534
MODULES = "/usr/lib/baresip/modules"


def files(host: Host, accounts: Sequence[Account], topology: Topology, dns: bool = False) -> dict[str, str]:
    """baresip's two files; a phone registers to its tenant's node and sends a tone of 440 Hz.

    With ``dns`` by that node's name, which it looks up each time.
    """
    server = topology.of(Kind.OPERATOR)[0].ipv4
    seconds = NAMED_SECONDS if dns else REGISTER_SECONDS
    return {
        "config": (
            f"module_path {MODULES}\n"
            f"sip_listen {host.ipv4}:{SIP_PORT}\n"
            "call_max_calls 200\n"
            "audio_source ausine,440\n"
            "audio_player aubridge,unheard\n"
            "audio_alert aubridge,unheard\n"
            "rtp_ports 20000-29999\n"
            "ausrc_srate 48000\n"
            "ausrc_channels 2\n" + (f"dns_server {server}:{DNS_PORT}\n" if dns else "") + "module g711.so\n"
            "module ausine.so\n"
            "module aubridge.so\n"
            "module account.so\n"
            "module_app menu.so\n"
        ),
        "accounts": "".join(
            f"<sip:{account.name}@{registration_name(account.node) if dns else topology.host(account.node).ipv4}>"
            f";auth_user={account.name};auth_pass={account.password}"
            f";answermode=auto;regint={seconds};audio_codecs=pcma,pcmu\n"
            for account in accounts
        ),
    }


def command(directory: Path) -> tuple[str, ...]:
    """The directory must be nobody's."""
    return as_nobody(("baresip", "-4", "-f", str(directory)))


def as_nobody(command: Sequence[str]) -> tuple[str, ...]:
    """Traffic needs no rights."""
    identity = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs")
    return ("setpriv", *identity, "--inh-caps=-all", "--bounding-set=-all", "--", *command)
