"""SIPp calls of which each must end as its scenario says, and what SIPp counted of them."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.lab import sipp
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.call_load import CANCEL

_REFUSALS = re.compile(r'\s*<recv response="[456]\d\d" optional="true" next="refused"/>')
_ACK = re.compile(r'<label id="refused"/>.*<label id="over"/>', re.DOTALL)
_STREAM = re.compile(r"<nop><action><exec rtp_stream[^>]*/></action></nop>")
_PAUSE = re.compile(r"<pause distribution[^>]*/>")


def _on_one_port(scenario: str, port: str = "[media_port]") -> str:
    """All calls' media at one port; nobody sends any."""
    return _STREAM.sub("", re.sub(r"\[(rtp_port|rtpstream_audio_port)\]", port, scenario))


def blocked(scenario: str, hear: float = 0.0, media: str = "[media_port]") -> str:
    """A caller who is refused with 403, at once or after all of an audio; anything else fails the call.

    Hangs up by itself after ``hear`` seconds of it, unless that is 0. ``media`` is the port at which it hears.
    """
    text = _on_one_port(sipp.scenario(scenario), media)
    ack = _ACK.search(text)
    assert ack
    until_rung = text[: text.rindex('<recv response="180"')]
    cut = f'<pause milliseconds="{hear * 1000:.0f}"/>\n{CANCEL.replace("</scenario>", "")}'
    end = f'{cut}<nop next="over"/>\n' if hear else '<recv response="403" next="refused"/>\n'
    heard = f'<recv response="403" optional="true" next="refused"/>\n<recv response="183"/>\n{end}'
    return f"{until_rung}{heard}{ack[0]}\n<nop/>\n</scenario>\n"


def answered(milliseconds: int) -> str:
    """A caller who is answered and hangs up; anything else fails the call."""
    text = _REFUSALS.sub("", _on_one_port(sipp.scenario("sample_call")))
    return _PAUSE.sub(f'<pause milliseconds="{milliseconds}"/>', text)


def answering() -> str:
    return _PAUSE.sub('<pause milliseconds="200"/>', _on_one_port(sipp.scenario("carrier")))


@dataclass(frozen=True, slots=True)
class Counted:
    ended_right: int
    failed: int
    sent_again: int
    """Messages that SIPp sent again for want of an answer, and such that reached it again."""


class Calls:
    """One SIPp; its calls begin when it is made."""

    def __init__(
        self,
        one: OneAsterisk,
        place: Path,
        at: tuple[str, int],
        to: str,
        scenario: str,
        rows: Sequence[Sequence[str]],
        *options: str,
    ) -> None:
        """``at``: SIPp's address and port; its media come to the port 30000 above. ``to`` is "" for who waits."""
        self._one = one
        self._place = place
        place.mkdir(parents=True)
        sipp.write(place, scenario, rows)
        files = ("-inf", "fields.csv") if to else ()
        counts = ("-trace_stat", "-stf", "stat.csv", "-trace_counts", "-fd", "1")
        more = ("-mp", str(at[1] + 30000), "-buff_size", "8388608", "-aa", *files, *counts, *options)
        self._process = one.spawn([*sipp.command(at[0], at[1], to, *more)], cwd=place)

    def over(self) -> Counted:
        """When all calls have ended."""
        self._process.wait()
        return self._counted()

    def end(self) -> Counted:
        """For who waits for calls: the counts of the last second may be missing."""
        time.sleep(1.5)
        self._one.end(self._process)
        return self._counted()

    def kill(self) -> None:
        self._one.end(self._process)

    def _counted(self) -> Counted:
        told = _last_row(self._place / "stat.csv")
        counts = _last_row(next(self._place.glob("*_counts.csv")))
        again = sum(int(value or 0) for name, value in counts.items() if name.endswith("_Retrans"))
        return Counted(int(told["SuccessfulCall(C)"]), int(told["FailedCall(C)"]), again)


def _last_row(path: Path) -> dict[str, str]:
    heading, *rows = csv.reader(path.read_text().splitlines(), delimiter=";")
    return dict(zip(heading, rows[-1], strict=False))
