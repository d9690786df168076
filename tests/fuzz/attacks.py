"""From arbitrary bytes to a log that attackers have written into: what a fuzzer's input means.

Each input chooses events, true peers and, field by field, what a peer can really put there (``firewall.log.security``
says why): accounts of PJSIP may hold a line break, Call-IDs may not; a digest's values take a quote only behind a
backslash; a line whose text is no UTF-8 is not written.
"""

from __future__ import annotations

from tests.scenarios.security.asterisk_writer import Happening, record

VICTIM = "9.9.9.9"
"""Nobody's true peer: whoever reads it has been deceived."""
PJSIP = ("InvalidAccountID", "FailedACL", "ChallengeSent", "SuccessfulAuth", "ChallengeResponseFailed")
AMI = ("InvalidAccountID", "ChallengeResponseFailed", "SuccessfulAuth")
PEERS = ("198.18.2.1", "198.18.2.2", "2001:db8::7")
FRAGMENTS = (
    b'"',
    b"\\",
    b",",
    b"\x1b",
    b"m",
    b"\n",
    b'",LocalAddress="IPV4/UDP/198.18.0.10/5060",RemoteAddress="IPV4/UDP/9.9.9.9/5060"',
    b'oteAddress="IPV4/UDP/9.9.9.9/1"',
    b'oteAddress="IPV4/TCP/9.9.9.9/1",Challenge="',
    b'",SessionID="0x1",LocalAddress="IPV4/TCP/1.1.1.1/1",RemoteAddress="IPV4/TCP/9.9.9.9/1",Challenge="x',
    b'",SessionID="',
    b'",Response="',
    b'",ExpectedResponse=""',
    b',UsingPassword="1"',
    b',Challenge=""',
    b',ACLName="',
    b',SessionTV="1970-01-01T00:00:00.000+0000"',
    b'<unknown>",SessionID="',
    b'Severity="Error",Service="',
    "é".encode(),
    b"A" * 900,
    b"A" * 4000,
    b"\x1b" + b"A" * 7400 + b"m",
    b'oteAddress="IPV4/9.9.9.9/1"\n',
    b'",ExpectedResponse=""\n',
    b'",LocalAddress="IPV4/TCP/1.1.1.1/1",RemoteAddress="IPV4/TCP/9.9.9.9/1",Challenge="',
    *(
        record(Happening(name, VICTIM, service=service)).strip()
        for name, service in (
            ("InvalidAccountID", "PJSIP"),
            ("ChallengeResponseFailed", "PJSIP"),
            ("SuccessfulAuth", "PJSIP"),
            ("ChallengeResponseFailed", "AMI"),
            ("InvalidAccountID", "IAX2"),
        )
    ),
)
MOST_EVENTS = 6
LONGEST_AMI_HEADER = 1000
"""``manager.c`` reads lines of 1,024 bytes."""


class Choices:
    """Takes choices off a fuzzer's bytes; nought once they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def left(self) -> bool:
        return self._place < len(self._data)

    def below(self, limit: int) -> int:
        if not self.left:
            return 0
        self._place += 1
        return self._data[self._place - 1] % limit

    def text(self) -> bytes:
        """Fragments and bytes of the input's own."""
        parts = []
        for _ in range(self.below(8)):
            kind = self.below(len(FRAGMENTS) + 8)
            if kind < len(FRAGMENTS):
                parts.append(FRAGMENTS[kind])
            else:
                size = kind - len(FRAGMENTS) + 1
                parts.append(self._data[self._place : self._place + size])
                self._place += size
        return b"".join(parts).replace(b"\0", b"").replace(b"\r", b"")


def happenings(data: bytes) -> tuple[list[Happening], list[int]]:
    """The events whose lines Asterisk writes, and the pieces in which a reader gets the log."""
    choices = Choices(data)
    pieces = [1 + choices.below(200) for _ in range(choices.below(4))]
    made: list[Happening] = []
    while choices.left and len(made) < MOST_EVENTS:
        happening = _pjsip(choices) if choices.below(4) else _ami(choices)
        if _is_text(record(happening)):
            made.append(happening)
    return made, pieces


def _pjsip(choices: Choices) -> Happening:
    name = PJSIP[choices.below(len(PJSIP))]
    answer = name == "ChallengeResponseFailed"
    known = name in ("ChallengeSent", "SuccessfulAuth") or answer
    return Happening(
        name,
        PEERS[choices.below(len(PEERS))],
        transport=("UDP", "TCP", "WSS")[choices.below(3)],
        account=(b"<unknown>", b"1_200")[choices.below(2)] if known else choices.text(),
        session=choices.text().replace(b"\n", b""),
        challenge=_digest(choices.text()) if answer else b"",
        response=_digest(choices.text()) if answer else b"",
    )


def _ami(choices: Choices) -> Happening:
    name = AMI[choices.below(len(AMI))]
    answer = name == "ChallengeResponseFailed"
    return Happening(
        name,
        PEERS[choices.below(len(PEERS))],
        service="AMI",
        transport="TCP",
        account=choices.text().replace(b"\n", b"")[:LONGEST_AMI_HEADER] if name == "InvalidAccountID" else b"admin",
        session=b"0x7f7907e87330",
        challenge=b"114257233" if answer else b"",
        response=choices.text().replace(b"\n", b"")[:LONGEST_AMI_HEADER] if answer else b"",
    )


def _digest(text: bytes) -> bytes:
    return text.replace(b"\n", b"").replace(b"\\", b"").replace(b'"', b'\\"')


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        # Cut by Asterisk in the middle of a character: that line is written.
        return len(line) == 8191
    return True
