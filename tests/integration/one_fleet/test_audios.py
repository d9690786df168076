"""Audios on the real fleet: from an upload to what a caller of another node hears; and who decodes it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from asterisk_ext.lab import g711
from asterisk_ext.lab.enter import command_line
from tests.integration.announcements import mostly_heard
from tests.integration.fleet import Lab
from tests.uploads import sweep

pytestmark = pytest.mark.lab

OUTSIDE = "04833330000"


def upload(lab: Lab, name: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    words = ("/usr/local/bin/asterisk-ext", "audio", "add", "-", "--name", name)
    return subprocess.run(command_line(lab.name, "node1", words), input=data, capture_output=True, check=False)


@pytest.fixture
def aviso(lab: Lab) -> Iterator[str]:
    """An uploaded MP3, chosen for partial blocks of the whole platform and taken away again."""
    done = upload(lab, "aviso", sweep("mp3", 3.0))
    assert done.returncode == 0, done.stderr
    lab.ext("node1", "audio", "set", "aviso", "--kind", "partial_block", "--language", "pt_BR")
    yield "aviso"
    lab.ext("node1", "audio", "unset", "--kind", "partial_block", "--language", "pt_BR")
    lab.ext("node1", "audio", "remove", "aviso")


def until_in_force(lab: Lab) -> dict[str, Any]:
    """Waits for every node's report; the uses as told then."""
    for _ in range(100):
        told: dict[str, Any] = json.loads(lab.ext("node1", "audio", "uses", "--json"))
        if not told["arrival"]["waiting"]:
            return told
        time.sleep(0.1)
    raise AssertionError(f"not in force: {told['arrival']}")


def samples_of(lab: Lab, name: str) -> bytes:
    """What a caller hears of it, by the API's telephone quality."""
    with urllib.request.urlopen(lab.api(f"audios/{name}/telephone")) as response:  # noqa: S310 - our own console
        wave = response.read()
    return g711.decode(g711.ALAW, wave[wave.index(b"data") + 8 :]).tobytes()


def test_an_uploaded_audio_is_heard_by_callers_and_listed_with_the_blocked_calls(lab: Lab, aviso: str) -> None:
    told = until_in_force(lab)
    assert told["uses"] == [{"kind": "partial_block", "pbx": None, "language": "pt_BR", "name": "aviso"}]
    assert told["arrival"]["there"] == ["node1", "node2"]
    heard = lab.call("2_200", OUTSIDE)
    middle = samples_of(lab, aviso)[16_000:24_000]
    assert mostly_heard(middle, heard.samples())
    assert 200 not in heard.statuses
    assert heard.final == 403
    newest = json.loads(lab.ext("node2", "call", "blocked", "--pbx", "2", "--count", "1", "--json"))[0]
    assert (newest["server"], newest["caller"], newest["number"]) == ("node1", "200", OUTSIDE)
    assert (newest["audio"], newest["recording"]) == ("partial_block", "aviso")
    assert newest["heard"] == pytest.approx(3.0, abs=0.5)


def test_the_command_line_fetches_what_the_api_plays(lab: Lab, aviso: str) -> None:
    words = ("/usr/local/bin/asterisk-ext", "audio", "fetch", aviso, "-")
    done = subprocess.run(command_line(lab.name, "node2", words), capture_output=True, check=True)
    wave = done.stdout
    assert g711.decode(g711.ALAW, wave[wave.index(b"data") + 8 :]).tobytes() == samples_of(lab, aviso)


def test_blocked_calls_of_a_tenant_can_be_erased(lab: Lab) -> None:
    assert lab.call("2_200", OUTSIDE).final == 403
    listed = ("call", "blocked", "--pbx", "2", "--json")
    assert json.loads(lab.ext("node1", *listed))
    assert lab.ext("node1", "call", "erase-blocked", "2").endswith(" erased\n")
    assert json.loads(lab.ext("node1", *listed)) == []


def test_a_hostile_upload_is_refused_by_the_command_line_as_by_the_console(lab: Lab) -> None:
    before = lab.told("node1", "audio", "list")
    for data, error_id in (
        (b"#EXTM3U\nfile:///etc/asterisk-ext/ari.secret\n", "audio.not_audio"),
        (b"", "audio.empty"),
        (sweep("wav", 2.0)[:50_000], "audio.truncated"),
        (sweep("ogg", 2.0) + b"PK\x03\x04" + bytes(100), "audio.foreign_bytes"),
    ):
        done = upload(lab, "hostile", data)
        assert done.returncode == 1
        assert done.stderr.decode().startswith(error_id)
    assert lab.told("node1", "audio", "list") == before


def test_the_converter_can_read_no_secret_and_reach_nobody(lab: Lab) -> None:
    found = "pgrep -o -u asterisk-ext-audio -f 'audio converter'"
    told = lab.run("node1", "sh", "-c", f"cat /proc/$({found})/status")
    fields = dict(line.split(":\t", 1) for line in told.stdout.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["64102"] * 4
    assert fields["NoNewPrivs"] == "1"
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    links = lab.run("node1", "sh", "-c", f"nsenter --net --target $({found}) ip -o link")
    assert [line.split()[1] for line in links.stdout.splitlines()] == ["lo:"]
    for path in (
        "/etc/asterisk-ext/ari.secret",
        "/var/lib/asterisk-ext/identity/node.pem",
        "/var/lib/asterisk-ext/registry.sqlite3",
        "/etc/asterisk",
    ):
        denied = lab.run("node1", "setpriv", "--reuid=64102", "--regid=64102", "--clear-groups", "head", "-c1", path)
        assert denied.returncode != 0, path
