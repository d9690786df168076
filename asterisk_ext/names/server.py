"""A DNS server that takes updates (RFC 2136) signed with a key (TSIG, RFC 8945)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from socket import SOCK_STREAM

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.inet
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from asterisk_ext.domain.names import Name
from asterisk_ext.ports.names import NAMES_REFUSED, NAMES_SILENT

PATIENCE = 3.0
"""Seconds for one answer."""
KINDS = (dns.rdatatype.A, dns.rdatatype.AAAA)


class DnsServer:
    """``ports.names.NameServer`` for one zone, over TCP: an update of any size is one message."""

    def __init__(
        self, host: str, port: int, zone: str, key: str, secret: str, algorithm: str, patience: float = PATIENCE
    ) -> None:
        self._host, self._port, self._patience = host, port, patience
        self._zone = dns.name.from_text(zone)
        self._key = dns.tsig.Key(key, secret, dns.name.from_text(algorithm))

    async def look(self, names: Iterable[str]) -> dict[str, Name]:
        """Asks the server itself, never a resolver that remembers."""
        questions = [(name, dns.message.make_query(name, kind, flags=0)) for name in names for kind in KINDS]
        answers = await self._ask([question for _, question in questions])
        found: dict[str, Name] = {}
        for (name, _), answer in zip(questions, answers, strict=True):
            before = found.get(name, Name(frozenset(), 0))
            sets = [rrset for rrset in answer.answer if rrset.rdtype in KINDS]
            texts = {str(rdata.address) for rrset in sets for rdata in rrset}
            found[name] = Name(before.addresses | texts, max((before.ttl, *(rrset.ttl for rrset in sets))))
        return found

    async def point(self, to: Mapping[str, str], ttl: int) -> None:
        """Have each name lead to one address and nowhere else; all of them or none (RFC 2136, section 3.4.2)."""
        update = dns.update.UpdateMessage(self._zone, keyring=self._key)
        for name, address in to.items():
            owner = dns.name.from_text(name)
            for kind in KINDS:
                update.delete(owner, kind)
            update.add(owner, ttl, "AAAA" if ":" in address else "A", address)
        (answer,) = await self._ask([update])
        if answer.rcode() != dns.rcode.NOERROR:
            raise NAMES_REFUSED.refuse(server=self._host, reason=dns.rcode.to_text(answer.rcode()))

    async def _ask(self, messages: list[dns.message.Message]) -> list[dns.message.Message]:
        """All over one connection, in order."""
        backend = dns.asyncbackend.get_backend("asyncio")
        patience = self._patience
        family, there = dns.inet.af_for_address(self._host), (self._host, self._port)
        try:
            made = backend.make_socket(family, SOCK_STREAM, 0, None, there, patience)  # type: ignore[no-untyped-call]
            async with await made as connection:
                return [await dns.asyncquery.tcp(message, "", patience, sock=connection) for message in messages]
        except dns.tsig.PeerError as error:
            raise NAMES_REFUSED.refuse(server=self._host, reason=str(error)) from error
        except (OSError, EOFError, TimeoutError, dns.exception.DNSException) as error:
            raise NAMES_SILENT.refuse(server=self._host) from error
