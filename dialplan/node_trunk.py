"""Calls between the fleet's servers: one include file of ``pjsip.conf``, with the certificate that the fleet gave.

The other servers are known by their addresses, and let in by a certificate of the fleet's; a renewed one is taken up
where Asterisk is told to look again.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from dialplan.registrations import replace_private
from dialplan.rows import NODES

INCLUDE = "asterisk-ext.nodes.conf"
_NOTHING = hashlib.sha256().hexdigest()
RELOADS = ("module reload res_pjsip.so", "module reload res_pjsip_endpoint_identifier_ip.so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the others call this server; ``identity`` is the directory of its certificate, as Asterisk sees it."""

    bind: str
    port: int
    identity: str


def render(place: Place, others: Collection[str]) -> str:
    """The include file; raises ValueError for what is no address."""
    environment = Environment(
        loader=PackageLoader("dialplan"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is Asterisk's file, not HTML; every value is checked or a setting's
    )
    bind = ipaddress.ip_address(place.bind)
    return environment.get_template("nodes.conf.j2").render(
        name=NODES,
        bind=f"[{bind}]" if bind.version == 6 else str(bind),
        port=place.port,
        identity=place.identity,
        addresses=[str(ipaddress.ip_address(address)) for address in sorted(others)],
    )


class NodeTrunk:
    """``services.node_trunk.NodeTrunk``: the include file at ``path``; ``command`` runs one of Asterisk's. Blocks."""

    def __init__(self, path: Path, place: Place, certificate: Path, command: Callable[[str], str]) -> None:
        """``certificate``: the file of ours that Asterisk presents, as this process sees it."""
        self._path = path
        self._place = place
        self._certificate = certificate
        self._command = command
        self._mark = path.with_name(f"{path.name}.taken-up")
        """A hash of what Asterisk was told last: a service that starts anew has it read nothing again."""

    def apply(self, others: Collection[str]) -> bool:
        """Have Asterisk take calls of the servers at ``others`` and of nobody else; False where it does already.

        Raises OSError where Asterisk cannot be asked; what was written is then taken up when it starts.
        """
        text = render(self._place, others) if others else ""
        presented = self._certificate.read_bytes() if others else b""
        before, mark = _text(self._path), hashlib.sha256(text.encode() + presented).hexdigest()
        if text == before and mark == (_text(self._mark) or _NOTHING):
            return False
        if text != before:
            replace_private(self._path, text)
        for reload in RELOADS:
            self._command(reload)
        replace_private(self._mark, mark)
        return True


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
