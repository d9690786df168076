"""The guard's settings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from asterisk_ext.config.section import Section


class ServiceLimit(Section, frozen=True):
    """A ban policy of one service's own, such as ``[guard.services.AMI]``."""

    failures: Annotated[int, Meta(ge=1, description="Failures that make a ban.")] = 4
    window_hours: Annotated[float, Meta(gt=0, description="Hours within which they must fall.")] = 6
    ban_hours: Annotated[float, Meta(gt=0, description="Hours after which a ban lifts itself.")] = 24


class Guard(Section, frozen=True):
    socket: Annotated[str, Meta(description="The guard's Unix socket.")] = "/run/asterisk-ext/guard.sock"
    state: Annotated[str, Meta(description="Directory of the guard's own state.")] = "/var/lib/asterisk-ext-guard"
    log: Annotated[str, Meta(description="Asterisk's security log.")] = "/var/log/asterisk/security"
    notices: Annotated[
        bool,
        Meta(
            description="`log` has only NOTICE lines (`messages`). Keep it off where there is a security log: caller's "
            "text stands around the address, so one UDP packet can have any address counted, and none is protected."
        ),
    ] = False
    capture_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="UDP port on loopback at which Asterisk's `res_hep` hands over copies of SIP messages: what "
            "its security log cannot tell is counted too. 0: none.",
        ),
    ] = 0
    capture_secret_file: Annotated[str, Meta(description="File with `capture_password` of `hep.conf`.")] = (
        "/etc/asterisk-ext/hep.secret"
    )
    driver: Annotated[str, Meta(description="`nftables` or `iptables`.")] = "nftables"
    failures: Annotated[int, Meta(ge=1, description="Failures that make a ban.")] = 4
    window_hours: Annotated[float, Meta(gt=0, description="Hours within which they must fall.")] = 6
    ban_hours: Annotated[float, Meta(gt=0, description="Hours after which a ban lifts itself.")] = 24
    protect_registered: Annotated[
        bool, Meta(description="Spare addresses that authenticated within 24 hours from unproven failures.")
    ] = True
    never_ban: Annotated[tuple[str, ...], Meta(description="Addresses and networks that are never banned.")] = ()
    node_service_uid: Annotated[int, Meta(description="User id of the node service, besides root's; -1 for none.")] = -1
    services: Annotated[
        dict[str, ServiceLimit], Meta(description="Services with limits of their own, by Asterisk's name: `AMI`.")
    ] = {}  # noqa: RUF012 - msgspec gives each its own
    limit_strangers: Annotated[
        bool,
        Meta(
            description="Let addresses that nobody knows yet send `failures` requests at once and then one a second, "
            "so that no burst outruns a ban. Without effect with `notices`, which tell of no success."
        ),
    ] = True
    strangers_total: Annotated[
        int, Meta(ge=10, le=1_000_000, description="Requests a second over UDP of all such addresses together.")
    ] = 1000
    mass_failures: Annotated[
        int, Meta(ge=2, description="So many protected addresses failing within a minute: their bans are suspended.")
    ] = 10
    fleet: Annotated[
        tuple[str, ...], Meta(description="The other nodes' addresses: never banned, all ports open.")
    ] = ()
    administrators: Annotated[
        tuple[str, ...],
        Meta(description="Networks that administrators come from: SSH and the console are open to them."),
    ] = ()
    sip_udp: Annotated[tuple[str, ...], Meta(description="Open UDP ports of SIP.")] = ("5060",)
    sip_tcp: Annotated[tuple[str, ...], Meta(description="Open TCP ports of SIP, TLS and WebSocket.")] = (
        "5060",
        "5061",
    )
    rtp: Annotated[tuple[str, ...], Meta(description="Open UDP ports of media.")] = ("10000-20000",)
    ssh: Annotated[tuple[str, ...], Meta(description="Open TCP ports of SSH.")] = ("22",)
    track_media: Annotated[
        bool, Meta(description="Track SIP and RTP in conntrack; only where this machine translates their addresses.")
    ] = False
