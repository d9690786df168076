"""Every text of the screens and every refusal is there in Portuguese; English is what the code says."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from admin_http.i18n import Catalogues, Words
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.server import INVALID
from tests.unit.admin_http.messages import Message, everything
from tests.unit.admin_http.world import NOW, ZONE

LOCALE = Path(__file__).resolve().parents[3] / "admin_http/locale"


def words(language: str) -> Words:
    return Catalogues().words(language, ZONE)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def one(id: Any) -> Message:
    return id if isinstance(id, str) else (id[0], id[1])


def test_every_message_has_a_portuguese_translation() -> None:
    with (LOCALE / "pt_BR/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file)
    known = {one(message.id) for message in catalogue if message.string}
    assert sorted(map(str, everything() - known)) == []


@pytest.mark.parametrize("language", ["pt_BR", "en"])
def test_a_translation_has_the_same_places_as_its_message(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES/messages.po").open("rb") as file:
        for message in read_po(file):
            ids = [message.id] if isinstance(message.id, str) else list(message.id)
            texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
            known = set().union(*(places(text) for text in ids))
            for text in texts:
                assert places(text) <= known, text


def test_english_shows_no_note_for_translators() -> None:
    with (LOCALE / "en/LC_MESSAGES/messages.po").open("rb") as file:
        shown = {one(message.id): message.string for message in read_po(file)}
    noted = re.compile(r" \((many|they|PBX|codecs|servers|states|statuses|technologies)\)")
    for message in everything():
        if any(noted.search(text) for text in ([message] if isinstance(message, str) else message)):
            assert message in shown and not noted.search(str(shown[message])), message


def test_a_refusals_own_words_are_translated_with_it() -> None:
    refusal = INVALID.refuse(name="registration address", value="x y", rule="an IP or a DNS name")
    assert words("pt_BR").refusal(refusal) == (
        "O servidor não foi guardado: 'x y' não pode ser IP de registro.",
        "Dê um IP ou um nome de DNS.",
    )


def test_what_fills_a_bold_message_is_never_markup() -> None:
    said = words("pt_BR").rich("Blocked **{address}**", address="<b>**x**</b>")
    assert said == "Bloqueou <strong>&lt;b&gt;**x**&lt;/b&gt;</strong>"


def test_a_refusal_with_braces_in_a_value_stays_as_it_is() -> None:
    problem = Problem("test.braces", 400, "There is no server {server}.", "Choose another server.")
    assert words("pt_BR").refusal(problem.refuse(server="{x}{0}"))[0] == "Não existe o servidor {x}{0}."


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (40, "40 s"), (364, "6 min"), (86_092, "23 h 54 min"), (90_000, "1 d 1 h")]
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert words("pt_BR").duration(seconds).replace("\u00a0", " ") == said


def test_numbers_and_moments_are_written_as_the_language_writes_them() -> None:
    assert (words("pt_BR").number(6204), words("en").number(6204)) == ("6.204", "6,204")
    assert words("pt_BR").day(NOW) == "qui, 13 de ago" or words("pt_BR").day(NOW) == "qui, 13 ago"
    assert words("pt_BR").moment(NOW - 308, NOW) == "hoje 03:09"
    assert words("en").moment(NOW - 60_000, NOW) == "yesterday 10:34"
