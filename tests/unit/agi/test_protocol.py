"""FastAGI, byte by byte, with hostile input."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.protocol import MAX_LINE, Decoder, Environment, Hangup, ProtocolError, Reply, command

HELLO = (
    b"agi_network: yes\nagi_network_script: gate\nagi_request: agi://127.0.0.1:4573/gate\n"
    b"agi_channel: PJSIP/2_200-00000011\nagi_callerid: 200\nagi_arg_1: 2\nagi_arg_2: outbound\n\n"
)


def greeted() -> Decoder:
    decoder = Decoder()
    decoder.feed(HELLO)
    return decoder


def test_the_environment_tells_script_channel_and_arguments() -> None:
    (message,) = Decoder().feed(HELLO)
    assert isinstance(message, Environment)
    assert (message.script, message.channel) == ("gate", "PJSIP/2_200-00000011")
    assert [message.argument(number) for number in (1, 2, 3)] == ["2", "outbound", ""]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_messages_are_the_same_however_the_bytes_arrive(sizes: list[int]) -> None:
    stream = (
        HELLO + b"100 Trying...\n200 result=1\nHANGUP\n520-Invalid\nusage\n520 End of proper usage.\n511 result=-1\n"
    )
    decoder = Decoder()
    messages: list[Environment | Reply | Hangup] = []
    while stream:
        size = sizes.pop(0) if sizes else len(stream)
        messages += decoder.feed(stream[:size])
        stream = stream[size:]
    assert messages[1:] == [Reply(200, "1"), Hangup(), Reply(520), Reply(511, "-1")]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"200 result=1\n", Reply(200, "1")),
        (b"200 result=1 (speech) endpos=8000\n", Reply(200, "1", "speech")),
        (b"200 result=1 (a (b) c)\n", Reply(200, "1", "a (b) c")),
        (b"200 result=\n", Reply(200, "")),
        (b"510 Invalid or unknown command\n", Reply(510)),
        (b"511 Command Not Permitted on a dead channel or intercept routine\n", Reply(511)),
        (b"520 Invalid command syntax.  Proper usage not available.\n", Reply(520)),
        (b"200 result=1 (\xff\xfe)\r\n", Reply(200, "1", "��")),
    ],
)
def test_each_reply_is_understood(line: bytes, reply: Reply) -> None:
    assert greeted().feed(line) == [reply]


MANY = b"".join(b"agi_x%d: 1\n" % number for number in range(300))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\n", b"agi\n", b"\x00\xff\n", MANY, b"x" * (MAX_LINE + 1)])
def test_whoever_does_not_speak_agi_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Decoder().feed(data)


def test_a_line_break_smuggled_into_a_value_cannot_change_an_argument() -> None:
    with pytest.raises(ProtocolError):
        Decoder().feed(b"agi_calleridname: Joe\nagi_arg_1: 9\nagi_arg_1: 2\n\n")


@pytest.mark.parametrize("data", [b"hello\n", b"20\n", b"\n", b"x" * (MAX_LINE + 1), b"y" * (MAX_LINE + 1) + b"\n"])
def test_garbage_instead_of_a_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        greeted().feed(data)


@given(st.binary(max_size=2000))
def test_no_bytes_do_more_than_refuse(data: bytes) -> None:
    for decoder in (Decoder(), greeted()):
        with contextlib.suppress(ProtocolError):
            decoder.feed(data)


@pytest.mark.parametrize("value", ["a\nEXEC System rm", "a\rb", "a\0b", "\x1b[0m", "a\x7f"])
def test_a_value_cannot_end_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        command("SET VARIABLE", "X", value)


def test_quotes_and_backslashes_stay_inside_their_argument() -> None:
    assert command("SET VARIABLE", "X", 'a" "b\\') == b'SET VARIABLE "X" "a\\" \\"b\\\\"\n'


def test_a_command_longer_than_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        command("EXEC", "Playback", "x" * MAX_LINE)


@given(st.text(max_size=300))
def test_every_command_is_exactly_one_line(value: str) -> None:
    try:
        line = command("SET VARIABLE", "X", value)
    except ValueError:
        return
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
