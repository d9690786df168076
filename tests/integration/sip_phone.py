"""A SIP phone or carrier for tests: UDP, digest authentication, and every RTP payload it hears is kept."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

_serial = itertools.count(1)

SDP = (
    "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload}\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
)


@dataclass
class Message:
    """A request (``status`` 0) or a response."""

    first: str
    headers: list[tuple[str, str]]
    body: str

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.first.split()[0] if self.status == 0 else self.get("CSeq").split()[1]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def parse(data: bytes) -> Message:
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return Message(first, [(name.strip(), value.strip()) for name, _, value in pairs], body)


@dataclass
class Heard:
    """What came back from one INVITE."""

    statuses: list[int] = field(default_factory=list)
    cause: int = 0
    """Q.850 cause of the final response or of the BYE that ended the call."""
    rtp: bytes = b""
    realm: str = ""
    rang: float = 0.0
    """When it first rang, by the loop's clock."""
    last: Message | None = None

    @property
    def final(self) -> int:
        return self.statuses[-1]

    @property
    def early_media(self) -> bool:
        return 183 in self.statuses


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._take(data)


class Phone:
    """One user agent at ``ip``:``port``; its RTP arrives at ``port`` + 10000."""

    def __init__(self, server: tuple[str, int], ip: str, port: int, account: str, password: str = "") -> None:
        self._server = server
        self.ip, self.port, self.account, self._password = ip, port, account, password
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._rtp = bytearray()
        self.rtp_times: list[float] = []
        self.rtp_numbers: list[int] = []
        """Sequence numbers, as they came (RFC 3550, section 5.1)."""
        self.calls: list[Message] = []
        """INVITEs received."""
        self.registers: list[Message] = []
        """REGISTERs received, those that were challenged left out."""
        self.registered = asyncio.Event()
        self.answer = 200
        """How incoming calls are answered; 0 rings for ever."""
        self.challenge = ""
        """The realm in whose name incoming calls are challenged (RFC 3261, section 22.2)."""
        self.contact = ""
        """Where a 302 points to."""
        self.contact_user = account
        self.repeats_after = 0.0
        """Seconds after which a request without final answer is sent again (RFC 3261, section 17.1.2.1); 0 is never."""
        self.invited = asyncio.Event()
        self.hears = asyncio.Event()
        self.payload = "8 0"
        self._cancel_at = 0
        self._cancel = b""
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self, make_socket: Callable[[str, int], socket.socket]) -> Phone:
        loop = asyncio.get_running_loop()
        for port, take in ((self.port, self._signal), (self.port + 10000, self._media)):
            made = make_socket(self.ip, port)
            transport, _ = await loop.create_datagram_endpoint(lambda take=take: _Datagrams(take), sock=made)  # type: ignore[misc]
            self._transports.append(transport)
        return self

    def send_media(self, packet: bytes) -> None:
        """To the audio of the last call answered here."""
        self._transports[1].sendto(packet, self.media_of_call())

    def media_of_call(self) -> tuple[str, int]:
        """Where the caller of the last call answered here hears."""
        body = self.calls[-1].body
        return body.split("c=IN IP4 ")[1].split()[0], int(body.split("m=audio ")[1].split()[0])

    def close(self) -> None:
        for transport in self._transports:
            transport.close()

    async def register(self, expires: int = 120) -> Heard:
        server = f"sip:{self._server[0]}"
        address = f"sip:{self.account}@{self._server[0]}"
        return await self._transaction("REGISTER", server, address, "", extra=f"Expires: {expires}\r\n")

    async def call(
        self,
        user: str,
        *,
        talk: float = 0.0,
        wait: float = 30.0,
        cancel_at: int = 0,
        extra: str = "",
        uri_end: str = "",
    ) -> Heard:
        """Dial the raw user part ``user``; once answered, hang up after ``talk`` seconds.

        With ``cancel_at`` the caller hangs up as soon as so many bytes of audio have been heard.
        """
        self._rtp.clear()
        self.rtp_times.clear()
        uri = f"sip:{user}@{self._server[0]}:{self._server[1]}{uri_end}"
        body = SDP.format(ip=self.ip, port=self.port + 10000, payload=self.payload)
        self._cancel_at = cancel_at
        heard = await self._transaction("INVITE", uri, uri, body, wait=wait, extra=extra)
        if heard.final == 200 and heard.last is not None:
            await asyncio.sleep(talk)
            self.end(heard.last)
        await self._listened()
        heard.rtp = bytes(self._rtp)
        return heard

    async def _listened(self) -> None:
        """Until audio that is here already has been read: asyncio takes one packet of a socket a turn."""
        read = -1
        while read != len(self._rtp):
            read = len(self._rtp)
            for _ in range(3):
                await asyncio.sleep(0)

    async def hold(self, number: int = 1, way: str = "sendonly") -> Heard:
        """Put the caller of the last call answered here on hold: a re-INVITE that only sends (RFC 3264, 8.4).

        ``number`` is its CSeq; ``way`` is ``sendrecv`` where the caller is taken back.
        """
        call = self.calls[-1]
        uri = call.get("Contact").strip("<>")
        body = SDP.format(ip=self.ip, port=self.port + 10000, payload="8") + f"a={way}\r\n"
        lines = (
            f"Max-Forwards: 70\r\nFrom: {call.get('To')};tag=u{self.port}\r\nTo: {call.get('From')}\r\n"
            f"Call-ID: {call.get('Call-ID')}\r\nContact: <sip:{self.account}@{self.ip}:{self.port}>\r\n"
        )

        def request(method: str, body: str) -> bytes:
            via = f"Via: SIP/2.0/UDP {self.ip}:{self.port};branch=z9hG4bK{next(_serial)}h{self.port};rport\r\n"
            kind = "Content-Type: application/sdp\r\n" if body else ""
            head = f"{method} {uri} SIP/2.0\r\n{via}{lines}CSeq: {number} {method}\r\n{kind}"
            return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

        heard = Heard()
        self._send(request("INVITE", body))
        heard.last = await self._final(heard, call.get("Call-ID"), number, "INVITE", 5.0)
        self._send(request("ACK", ""))
        return heard

    async def reach(self, user: str) -> Message:
        """Call ``user`` and leave the call up; the answer."""
        uri = f"sip:{user}@{self._server[0]}:{self._server[1]}"
        body = SDP.format(ip=self.ip, port=self.port + 10000, payload=self.payload)
        heard = await self._transaction("INVITE", uri, uri, body)
        assert heard.last is not None
        assert heard.final == 200, heard.statuses
        return heard.last

    def end(self, answer: Message) -> None:
        """Hang up the call that ``answer`` began."""
        uri = f"sip:{self._server[0]}:{self._server[1]}"
        self._send(self._request("BYE", uri, answer.get("To"), answer.get("Call-ID"), 90, "", "", ""))

    async def refer(self, answer: Message, to: str, replacing: Message | None = None) -> int:
        """Transfer the call that ``answer`` began to ``to``, or to the other end of the call ``replacing`` (RFC 3891);
        the status that the REFER got."""
        replaces = ""
        if replacing is not None:
            tag = replacing.get("To").partition("tag=")[2]
            text = f"{replacing.get('Call-ID')};to-tag={tag};from-tag=t{self.port}"
            replaces = f"?Replaces={quote(text, safe='')}"
        refer = f"Refer-To: <sip:{to}@{self._server[0]}{replaces}>\r\n"
        uri, call_id = f"sip:{self._server[0]}:{self._server[1]}", answer.get("Call-ID")
        self._send(self._request("REFER", uri, answer.get("To"), call_id, 80, refer, "", ""))
        return (await self._final(Heard(), call_id, 80, "REFER", 10.0)).status

    async def hand_on(self, user: str, to: str, *, talk: float = 1.0) -> int:
        """Call ``user``, talk, then transfer it blindly to ``to``; the status that the REFER got."""
        answer = await self.reach(user)
        await asyncio.sleep(talk)
        return await self.refer(answer, to)

    def heard(self) -> bytes:
        """All audio that has arrived since the last call was begun here."""
        return bytes(self._rtp)

    def pick_up(self) -> None:
        """Answer the call that rings."""
        self._respond(self.calls[-1], "200 OK", SDP.format(ip=self.ip, port=self.port + 10000, payload="8"))

    def hang_up(self) -> None:
        """Cancel the call that is being set up."""
        self._send(self._cancel)

    async def _transaction(
        self, method: str, uri: str, to: str, body: str, extra: str = "", wait: float = 10.0
    ) -> Heard:
        heard = Heard()
        call_id = f"{next(_serial)}-{self.account}@{self.ip}"
        authorization = ""
        for number in (1, 2):
            branch = f"z9hG4bK{next(_serial)}x{self.port}"
            request = self._request(method, uri, f"<{to}>", call_id, number, extra + authorization, body, branch)
            self._cancel = self._request("CANCEL", uri, f"<{to}>", call_id, number, "", "", branch)
            self._send(request)
            repeating = asyncio.create_task(self._repeat(request))
            try:
                final = await self._final(heard, call_id, number, method, wait)
            finally:
                repeating.cancel()
            if method == "INVITE":
                target = final.get("To")
                ack = self._request("ACK", uri, target, call_id, number, "", "", branch if final.status != 200 else "")
                self._send(ack)
            if final.status not in (401, 407) or authorization or not self._password:
                break
            challenge = final.get("WWW-Authenticate") or final.get("Proxy-Authenticate")
            authorization = self._authorize(method, uri, challenge, heard)
        heard.last = final
        if "cause=" in (reason := final.get("Reason")):
            heard.cause = int(reason.split("cause=")[1].split(";")[0])
        return heard

    async def _repeat(self, request: bytes) -> None:
        while self.repeats_after:
            await asyncio.sleep(self.repeats_after)
            self._send(request)

    async def _final(self, heard: Heard, call_id: str, number: int, method: str, wait: float) -> Message:
        async with asyncio.timeout(wait):
            while True:
                message = await self._inbox.get()
                if message.get("Call-ID") != call_id or message.get("CSeq") != f"{number} {method}":
                    continue
                heard.statuses.append(message.status)
                if message.status == 180 and not heard.rang:
                    heard.rang = asyncio.get_running_loop().time()
                if message.status >= 200:
                    return message

    def _authorize(self, method: str, uri: str, challenge: str, heard: Heard) -> str:
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        heard.realm = fields["realm"]
        ha1 = md5(f"{self.account}:{fields['realm']}:{self._password}")
        ha2 = md5(f"{method}:{uri}")
        response = md5(f"{ha1}:{fields['nonce']}:00000001:abc:auth:{ha2}")
        return (
            f'Authorization: Digest username="{self.account}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abc"'
            + (f', opaque="{fields["opaque"]}"' if "opaque" in fields else "")
            + "\r\n"
        )

    def _request(
        self, method: str, uri: str, to: str, call_id: str, number: int, extra: str, body: str, branch: str
    ) -> bytes:
        branch = branch or f"z9hG4bK{next(_serial)}y{self.port}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.ip}:{self.port};branch={branch};rport\r\n"
            f"From: <sip:{self.account}@{self._server[0]}>;tag=t{self.port}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {number} {method}\r\nContact: <sip:{self.contact_user}@{self.ip}:{self.port}>\r\n"
            f"Max-Forwards: 70\r\n{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _send(self, data: bytes) -> None:
        self._transports[0].sendto(data, self._server)

    def _signal(self, data: bytes) -> None:
        message = parse(data)
        if message.status:
            self._inbox.put_nowait(message)
        elif message.method == "INVITE":
            self._called(message)
        elif message.method != "ACK":
            self._asked(message)

    def _asked(self, message: Message) -> None:
        if message.method == "REGISTER":
            if self.challenge and not message.get("Authorization"):
                self._challenged(message)
                return
            self.registers.append(message)
            self.registered.set()
        self._respond(message, "200 OK", "")

    def _challenged(self, message: Message) -> None:
        self._respond(message, f'401 No\r\nWWW-Authenticate: Digest realm="{self.challenge}", nonce="n"', "")

    def _called(self, message: Message) -> None:
        if "tag=" in message.get("To"):
            self._respond(message, "200 OK", SDP.format(ip=self.ip, port=self.port + 10000, payload="8"))
            return
        if self.challenge and not message.get("Authorization"):
            self._challenged(message)
            return
        self.calls.append(message)
        self.invited.set()
        self._respond(message, "180 Ringing", "")
        if self.answer == 200:
            self._respond(message, "200 OK", SDP.format(ip=self.ip, port=self.port + 10000, payload="8"))
        elif self.answer:
            self._respond(message, f"{self.answer} No", "")

    def _respond(self, message: Message, status: str, body: str) -> None:
        to = message.get("To")
        if "tag=" not in to:
            to += f";tag=u{self.port}"
        contact = self.contact or f"sip:{self.account}@{self.ip}:{self.port}"
        lines = [f"Via: {via}" for via in message.all("Via")] + [
            f"Record-Route: {r}" for r in message.all("Record-Route")
        ]
        lines += [f"From: {message.get('From')}", f"To: {to}", f"Call-ID: {message.get('Call-ID')}"]
        lines += [f"CSeq: {message.get('CSeq')}", f"Contact: <{contact}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        text = f"SIP/2.0 {status}\r\n" + "\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        self._send(text.encode())

    def _media(self, data: bytes) -> None:
        self._rtp += data[12:]
        self.rtp_numbers.append(int.from_bytes(data[2:4], "big"))
        self.hears.set()
        if self._cancel_at and len(self._rtp) >= self._cancel_at:
            self._cancel_at = 0
            self.hang_up()
        self.rtp_times.append(asyncio.get_running_loop().time())


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
