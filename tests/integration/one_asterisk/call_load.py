"""Calls by SIPp on one Asterisk: many kept up, a tenth of them with media; others busy, cancelled or a group's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asterisk_ext.domain.pbx import Pbx, Route, Status, Trunk
from asterisk_ext.lab import g711, sipp
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, PHONES, OneAsterisk
from tests.integration.one_asterisk.lines import tenant
from tests.integration.sip_phone import Phone

BUSY, SILENT = 5080, 5090
"""Ports of carriers that are busy, and that ring for ever."""
_Process = subprocess.Popen[str]
MEMBERS = {"1_200": 5100, "1_201": 5110}
_SAMPLE = tenant(1, Status.ACTIVE, "trunk14", "4831210114")
_FROM_OUTSIDE = [("11987654321", "", "4831210114", NODE)]
_PAUSE = re.compile(r"<pause distribution[^>]*/>")
_STREAM = re.compile(r"<nop><action><exec rtp_stream[^>]*/></action></nop>")
_HANG_ON = """<recv request="CANCEL"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

    ]]></send>
</scenario>
"""
_REFUSE = """<send retrans="500"><![CDATA[
      SIP/2.0 486 Busy Here
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]x[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

    ]]></send>
  <recv request="ACK"/>
</scenario>
"""
CANCEL = """  <send retrans="500"><![CDATA[
      CANCEL sip:[field2]@[remote_ip]:[remote_port] SIP/2.0
      [last_Via:]
      From: <sip:[field0]@[field3]>;tag=[pid]x[call_number]
      To: <sip:[field2]@[remote_ip]>
      [last_Call-ID:]
      CSeq: 2 CANCEL
      Max-Forwards: 70
      Content-Length: 0

    ]]></send>
  <recv response="200"/>
  <recv response="487"/>
  <send><![CDATA[
      ACK sip:[field2]@[remote_ip]:[remote_port] SIP/2.0
      [last_Via:]
      From: <sip:[field0]@[field3]>;tag=[pid]x[call_number]
      [last_To:]
      [last_Call-ID:]
      CSeq: 2 ACK
      Max-Forwards: 70
      Content-Length: 0

    ]]></send>
</scenario>
"""


def loaded_tenant() -> Pbx:
    """Numbers that begin with 4 are answered outside, with 5 busy, with 6 ring for ever; the DID rings a group."""
    others = tuple(Trunk(name=f"trunk{port}", host=CARRIER, port=port) for port in (BUSY, SILENT))
    return replace(
        _SAMPLE,
        trunks=(*_SAMPLE.trunks, *others),
        routes=tuple(
            Route(pattern=f"{first}XXXXXXX", trunks=(trunk,))
            for first, trunk in (("4", "trunk14"), ("5", f"trunk{BUSY}"), ("6", f"trunk{SILENT}"))
        ),
    )


class CallLoad:
    """``calls`` kept up at once, ``rate`` new ones a second at most, their ``length`` the least and most seconds.

    A tenth of them have media, unless ``silent``.
    """

    def __init__(
        self,
        asterisk: OneAsterisk,
        place: Path,
        calls: int,
        rate: int,
        length: tuple[int, int],
        *,
        silent: bool = False,
    ) -> None:
        self._silent = silent
        self._asterisk, self._place = asterisk, place
        self._calls, self._rate, self._length = calls, rate, length
        self._serial = 0
        self._callees: list[subprocess.Popen[str]] = []
        self._callers: list[subprocess.Popen[str]] = []

    async def open(self) -> None:
        """The phones register, and everybody who is called is there."""
        for account, port in MEMBERS.items():
            phone = await Phone((NODE, 5060), PHONES, port, account, "secret").open(self._asterisk.socket)
            assert (await phone.register(expires=3600)).final == 200
            phone.close()
        await asyncio.sleep(0.1)  # until the loop has closed them, their ports are not free
        answer = sipp.scenario("carrier")
        quiet = _without_stream(answer)
        ringing = answer[: answer.index('<pause distribution="uniform"')]
        self._callees = [
            self._sipp(CARRIER, 5060, "", quiet, [], "-aa", "-rtp_echo"),
            self._sipp(CARRIER, BUSY, "", _trying(answer) + _REFUSE, [], "-aa"),
            self._sipp(CARRIER, SILENT, "", ringing + _HANG_ON, [], "-aa"),
            *(self._sipp(PHONES, port, "", quiet, [], "-aa", "-rtp_echo") for port in MEMBERS.values()),
        ]

    def begin(self) -> None:
        """Start calling; SIPp keeps the number of calls up by new ones."""
        phone, carrier = sipp.scenario("sample_call"), sipp.scenario("sample_trunk_call")
        low, high = self._length
        pause = f'<pause distribution="uniform" min="{low * 1000}" max="{high * 1000}"/>'
        loud = _PAUSE.sub(pause, phone)
        quiet = _without_stream(loud)
        answer = sipp.answer("1_202", "secret")
        outside = [("1_202", answer, number, NODE) for number in ("40000001", "40000002")]
        media, group = self._calls // 10, self._calls // 10
        plain = self._calls - media - group
        ringing = '<recv response="100" optional="true"/>\n<recv response="180"/>\n<pause milliseconds="3000"/>\n'
        cancelled = (
            quiet[: quiet.index('<recv response="180"')].rpartition('<recv response="100"')[0] + ringing + CANCEL
        )
        rate = max(1, self._rate // 8)
        self._callers = [
            self._keep(PHONES, 5200, quiet, outside, plain, self._rate),
            self._keep(PHONES, 5300, quiet if self._silent else loud, outside, media, rate),
            self._keep(CARRIER, 5400, _without_stream(_PAUSE.sub(pause, carrier)), _FROM_OUTSIDE, group, rate),
            self._keep(PHONES, 5500, quiet, [("1_202", answer, "50000001", NODE)], 2, 1),
            self._keep(PHONES, 5600, cancelled, [("1_202", answer, "60000001", NODE)], 4, 1),
        ]

    def end(self, number: signal.Signals = signal.SIGUSR1) -> None:
        """SIGUSR1: no new calls, those that are up end in time. SIGKILL: the callers are gone without a word."""
        for process in self._callers:
            _signal(process, number)

    def close(self) -> None:
        self.end(signal.SIGKILL)
        for process in self._callees:
            _signal(process, signal.SIGKILL)
        for process in (*self._callers, *self._callees):
            process.wait(10)

    def _keep(self, ip: str, port: int, text: str, rows: Sequence[Sequence[str]], calls: int, rate: int) -> _Process:
        return self._sipp(ip, port, NODE, text, rows, "-aa", "-l", str(calls), "-r", str(rate), "-inf", "fields.csv")

    def _sipp(self, ip: str, port: int, to: str, text: str, rows: Sequence[Sequence[str]], *options: str) -> _Process:
        self._serial += 1
        place = self._place / f"{self._serial}-{port}"
        place.mkdir(parents=True)
        sipp.write(place, text, rows)
        (place / "tone.alaw").write_bytes(g711.tone(620, 10))
        media = ("-mp", str(port + 30000))
        return self._asterisk.spawn([*sipp.command(ip, port, to, *media, *options)], cwd=place)


def _without_stream(scenario: str) -> str:
    """All calls share SIPp's one media port; what comes there is echoed, if at all."""
    return _STREAM.sub("", scenario).replace("[rtpstream_audio_port]", "[media_port]")


def _trying(scenario: str) -> str:
    """The scenario of one who is called, up to its 100."""
    return scenario[: scenario.index("</send>") + len("</send>\n")]


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """To SIPp itself: nsenter runs it as its child."""
    if process.poll() is not None:
        return
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), number)
