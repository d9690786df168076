from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ari_apps.events import WANTED, decode, decode_bridges, decode_channels, decode_recorded
from asterisk_ext.domain.call_events import Bridge, Changed, Created, Dialled, Ended

CHANNEL: dict[str, Any] = {
    "id": "1795414411.0",
    "name": "PJSIP/1_100-00000000",
    "state": "Ring",
    "protocol_id": "",
    "caller": {"name": "Ramal 100", "number": "100"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {"context": "pbx-1", "exten": "200", "priority": 1, "app_name": "Dial", "app_data": ""},
    "creationtime": "2026-11-23T06:13:31.797+0000",
    "language": "en",
    "channelvars": {
        "CHANNEL(linkedid)": "1795414411.0",
        "CHANNEL(audionativeformat)": "(alaw|ulaw)",
        "CALLERID(dnid)": "200",
    },
    "tenantid": "pbx1",
}


def event(type: str, **fields: object) -> bytes:
    return json.dumps({"type": type, "timestamp": "2026-11-23T06:13:31.801+0000", **fields}).encode()


def test_a_channel_is_read_with_its_tenant_its_call_and_its_number() -> None:
    created = decode(event("ChannelCreated", channel=CHANNEL))
    assert isinstance(created, Created)
    snapshot = created.channel
    assert (snapshot.id, snapshot.name, snapshot.state) == ("1795414411.0", "PJSIP/1_100-00000000", "Ring")
    assert (snapshot.number, snapshot.caller_name, snapshot.dnid) == ("100", "Ramal 100", "200")
    assert (snapshot.linkedid, snapshot.tenant, snapshot.formats) == ("1795414411.0", "pbx1", "(alaw|ulaw)")
    assert (snapshot.exten, snapshot.application) == ("200", "Dial")
    assert snapshot.created == "2026-11-23T06:13:31.797+0000"


def test_an_older_asterisk_without_tenants_or_variables_is_read_as_well() -> None:
    bare = {name: CHANNEL[name] for name in ("id", "name", "state", "creationtime")}
    changed = decode(event("ChannelStateChange", channel=bare))
    assert isinstance(changed, Changed)
    assert (changed.channel.tenant, changed.channel.linkedid) == ("", "")


def test_a_dial_without_a_caller_is_an_originated_one() -> None:
    dialled = decode(event("Dial", peer=CHANNEL, dialstring="1_100", dialstatus="RINGING", forward=""))
    assert isinstance(dialled, Dialled)
    assert (dialled.caller, dialled.dialstring, dialled.status) == (None, "1_100", "RINGING")


def test_the_end_of_a_channel_bears_its_cause() -> None:
    assert decode(event("ChannelDestroyed", channel=CHANNEL, cause=17, cause_txt="User busy")) == Ended(
        "1795414411.0", 17, "2026-11-23T06:13:31.801+0000"
    )


@pytest.mark.parametrize("type", ["ChannelVarset", "DeviceStateChanged", "SomethingOfALaterAsterisk"])
def test_events_that_say_nothing_about_calls_are_passed_over(type: str) -> None:
    line = event(type, value='"type":"ChannelDestroyed"', channel=CHANNEL)
    assert decode(line) is None
    assert decode_recorded(b'{"t":1.5,"e":' + line + b"}") == (1.5, None)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{}", b'{"type":"ChannelCreated"}', b'{"type":1}', b"\xff", event("Dial", peer={"id": 1})]
)
def test_what_is_no_event_is_an_error(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(line)


def test_every_event_let_through_the_filter_is_understood() -> None:
    for name in WANTED:
        assert decode(event(name, channel=CHANNEL, peer=CHANNEL)) is not None


def test_lists_of_channels_and_bridges_are_read() -> None:
    assert [snapshot.id for snapshot in decode_channels(json.dumps([CHANNEL]).encode())] == ["1795414411.0"]
    bridges = [{"id": "5ac3", "channels": ["1.1", "1.2"], "creationtime": "2026-11-23T06:13:31.797+0000"}]
    assert decode_bridges(json.dumps(bridges).encode()) == [Bridge(("1.1", "1.2"), "2026-11-23T06:13:31.797+0000")]
