"""FastAGI: bytes ↔ messages, without any input or output (Asterisk's res_agi.c; "Asterisk Gateway Interface").

Asterisk opens the connection and sends an environment of ``agi_name: value`` lines and an empty line; from then on
each command line is answered by one reply, and a line HANGUP may stand between replies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_LINE = 8192
"""Bytes; a caller chooses some of the values, so the line has a limit."""
MAX_LINES = 200


class ProtocolError(Exception):
    """The other side does not speak AGI; the connection is of no further use."""


@dataclass(frozen=True, slots=True)
class Environment:
    values: Mapping[str, str]

    def get(self, name: str) -> str:
        """The value of ``agi_name``, empty where it was not sent."""
        return self.values.get(name, "")

    @property
    def script(self) -> str:
        return self.get("network_script")

    @property
    def channel(self) -> str:
        return self.get("channel")

    def argument(self, number: int) -> str:
        """Argument ``number`` of the AGI application, from 1."""
        return self.get(f"arg_{number}")


@dataclass(frozen=True, slots=True)
class Reply:
    """``200 result=1 (data)`` → code 200, result "1", data "data"."""

    code: int
    result: str = ""
    data: str = ""

    @property
    def succeeded(self) -> bool:
        return self.code == 200 and self.result != "-1"


@dataclass(frozen=True, slots=True)
class Hangup:
    """The caller is gone; a reply to the command under way still follows."""


class Decoder:
    """Feeds on bytes, yields messages: one Environment, then any number of Reply and Hangup."""

    def __init__(self) -> None:
        self._waiting = b""
        self._values: dict[str, str] | None = {}
        self._usage = False

    def feed(self, data: bytes) -> list[Environment | Reply | Hangup]:
        """The messages that ``data`` completes; raises ProtocolError."""
        whole, end, self._waiting = (self._waiting + data).rpartition(b"\n")
        if len(self._waiting) > MAX_LINE:
            raise ProtocolError("a line has no end")
        messages: list[Environment | Reply | Hangup] = []
        for line in whole.decode("utf-8", "replace").split("\n") if end else ():
            if len(line) > MAX_LINE:
                raise ProtocolError("a line is too long")
            message = self._line(line.rstrip("\r"))
            if message is not None:
                messages.append(message)
        return messages

    def _line(self, line: str) -> Environment | Reply | Hangup | None:
        if self._values is not None:
            return self._environment(self._values, line)
        if self._usage:
            self._usage = not line.startswith("520 ")
            return None if self._usage else Reply(520)
        if line == "HANGUP":
            return Hangup()
        if line.startswith("520-"):
            self._usage = True
            return None
        return _reply(line)

    def _environment(self, values: dict[str, str], line: str) -> Environment | None:
        if line == "":
            self._values = None
            return Environment(values)
        head, colon, value = line.partition(":")
        name = head.removeprefix("agi_")
        # A name said twice would be a line break that a caller has smuggled into a value.
        if not colon or name == head or name in values or len(values) >= MAX_LINES:
            raise ProtocolError("this is no AGI environment")
        values[name] = value.removeprefix(" ")
        return None


_REPLY = re.compile(r"(?P<code>\d{3})(?: (?:result=(?P<result>[^ ]*))?(?: ?\((?P<data>.*)\))?.*)?", re.DOTALL)


def _reply(line: str) -> Reply | None:
    """None for ``100 Trying…``, which precedes the reply."""
    matched = _REPLY.fullmatch(line)
    if matched is None:
        raise ProtocolError("this is no AGI reply")
    code = int(matched["code"])
    if code == 100:
        return None
    return Reply(code, matched["result"] or "", matched["data"] or "")


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def command(*words: str) -> bytes:
    """One command line, every argument quoted; refuses control characters, which could end the line.

    Raises ValueError. Asterisk unquotes ``\\"`` and ``\\\\`` (res_agi.c, parse_args).
    """
    name, *arguments = words
    if any(map(_CONTROL.search, words)):
        raise ValueError("a control character cannot be sent")
    quoted = ['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in arguments]
    line = " ".join((name, *quoted)).encode("utf-8", "replace")
    if len(line) >= MAX_LINE:
        raise ValueError("the command is too long")
    return line + b"\n"
