"""A server's firewall: the table of rules, the editor of one, and the question who gets in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup, escape

from admin_http import firewall_words
from admin_http.i18n import N_
from admin_http.keys import SERVICES, WORDS
from admin_http.pages.frame import done, form, page, typed, visitor
from admin_http.sessions import Strip
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall import Explanation
from asterisk_ext.domain.firewall_origin import COUNTRY
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import TYPES, Protocol
from asterisk_ext.services.firewall_table import Table

NEW = "new"
_BETWEEN = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A rule as the editor sends it; ``origins`` are separated by commas or blanks."""

    rule: str = ""
    direction: Direction = Direction.IN
    verdict: Verdict = Verdict.ALLOW
    type: str = "sip"
    origins: str = ""
    ports: str = ""
    description: str = ""
    enabled: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """A small act on a rule of the draft."""

    rule: str = ""
    number: int = 0
    revision: int = 0
    template: str = "default"
    then: str = ""
    """``row``: the page shows the rule's row again, not its editor."""


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    return await _page(request, actor)


async def _page(
    request: web.Request, actor: Actor, refusal: Refusal | None = None, values: dict[str, str] | None = None
) -> web.Response:
    services, words = request.app[SERVICES], request[WORDS]
    row = services.servers.row(actor, request.match_info["name"])
    table = await services.firewall.table(actor, row.server.name)
    direction = Direction.OUT if request.query.get("direction") == "out" else Direction.IN
    asked, told, wrong = await _asked(request, actor, table)
    return page(
        request,
        "firewall.html",
        refusal=refusal or wrong,
        row=row,
        table=table,
        direction=direction,
        rules=[(number, rule) for number, rule in enumerate(table.draft, 1) if rule.direction is direction],
        elsewhere=sum(rule.direction is not direction for rule in table.draft),
        changed={one.rule.id: one.change for one in table.changes},
        removed=[one for one in table.changes if one.change == "removed"],
        edited=values["rule"] if values else request.query.get("edit", ""),
        values=values or {},
        said=firewall_words,
        types=TYPES,
        countries=_countries(table, words.language),
        templates=services.firewall.drafts.templates(actor),
        asked=asked,
        told=told,
    )


def _countries(table: Table, language: str) -> list[tuple[str, str, int, int]]:
    """Code, name and prefixes of every country list, by name."""
    listed = table.state.countries if table.state else ()
    named = [
        (one.code, firewall_words.country_name(one.code, language), one.prefixes4, one.prefixes6) for one in listed
    ]
    return sorted(named, key=lambda one: one[1] or one[0])


async def _asked(
    request: web.Request, actor: Actor, table: Table
) -> tuple[dict[str, str], tuple[Explanation, Explanation] | None, Refusal | None]:
    """The question that the address bar holds, its answers, or why there are none."""
    asked = {"from": request.query.get("from", "").strip(), "to": request.query.get("to", "udp/5060")}
    if not asked["from"] or not table.state:
        return asked, None, None
    protocol, _, port = asked["to"].partition("/")
    try:
        question = Question(asked["from"], Protocol(protocol), int(port or 0))
        return asked, await request.app[SERVICES].firewall.explain(actor, table.server, question), None
    except ValueError:
        return asked, None, None
    except Refusal as refusal:
        return asked, None, refusal


async def save(request: web.Request) -> web.StreamResponse:
    actor, _ = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    try:
        sent = await form(request, Sent)
        chosen = [str(code) for code in (await request.post()).getall("country", [])]
        rule = Rule(
            id="" if sent.rule == NEW else sent.rule,
            direction=sent.direction,
            verdict=sent.verdict,
            type=sent.type,
            origins=_origins(sent.origins, chosen),
            ports=sent.ports,
            description=sent.description,
            enabled=bool(sent.enabled),
        )
        await services.firewall.drafts.put(actor, name, rule, revision=sent.revision)
    except Refusal as refusal:
        return await _page(request, actor, refusal, {"rule": NEW, **await typed(request)})
    raise web.HTTPSeeOther(_path(name, sent.direction))


async def move(request: web.Request) -> web.StreamResponse:
    actor, name, sent = await _sent(request)
    try:
        await request.app[SERVICES].firewall.drafts.move(actor, name, sent.rule, sent.number, sent.revision)
    except Refusal as refusal:
        return await _page(request, actor, refusal)
    direction = Direction.OUT if request.query.get("direction") == "out" else Direction.IN
    if sent.then == "row":
        raise web.HTTPSeeOther(f"{_path(name, direction)}#rule-{sent.rule}")
    raise web.HTTPSeeOther(f"{_path(name)}?edit={sent.rule}")


async def sentence(request: web.Request) -> web.Response:
    """What the editor's fields say in words, or why such a rule is refused."""
    actor, _ = visitor(request)
    words = request[WORDS]
    asked = {name: request.query.get(name, "") for name in ("verdict", "direction", "type", "origins", "ports")}
    try:
        rule = Rule(
            id=NEW,
            direction=Direction(asked["direction"]),
            verdict=Verdict(asked["verdict"]),
            type=asked["type"],
            origins=_origins(asked["origins"], request.query.getall("country", [])),
            ports=asked["ports"],
        )
        text = firewall_words.sentence(await request.app[SERVICES].firewall.drafts.spelled(actor, rule), words)
    except Refusal as refusal:
        text = escape(words.refusal(refusal)[0])
    except ValueError:
        text = Markup()
    return web.Response(text=str(text), content_type="text/html")


async def remove(request: web.Request) -> web.StreamResponse:
    actor, name, sent = await _sent(request)
    try:
        await request.app[SERVICES].firewall.drafts.remove(actor, name, sent.rule, sent.revision)
    except Refusal as refusal:
        return await _page(request, actor, refusal)
    raise web.HTTPSeeOther(_path(name))


async def discard(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    await services.firewall.drafts.discard(actor, name)
    strip = Strip(said=N_("**Draft of {server} thrown away** at {time}"), params={"server": name}, at=services.clock())
    raise done(session, strip, _path(name))


async def use_template(request: web.Request) -> web.StreamResponse:
    actor, name, sent = await _sent(request)
    try:
        await request.app[SERVICES].firewall.drafts.use_template(actor, name, sent.template, sent.revision)
    except Refusal as refusal:
        return await _page(request, actor, refusal)
    raise web.HTTPSeeOther(_path(name))


async def save_template(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    services, name = request.app[SERVICES], request.match_info["name"]
    sent = await form(request, Small)
    await services.firewall.drafts.save_template(actor, name, sent.template)
    strip = Strip(
        said=N_("**Template {template} saved** at {time} from {server}"),
        params={"server": name, "template": sent.template},
        at=services.clock(),
    )
    raise done(session, strip, _path(name))


async def _sent(request: web.Request) -> tuple[Actor, str, Small]:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_FIREWALL)
    return actor, request.match_info["name"], await form(request, Small)


def _path(name: str, direction: Direction = Direction.IN) -> str:
    return f"/servers/{name}/firewall" + ("?direction=out" if direction is Direction.OUT else "")


def _origins(typed: str, chosen: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in dict.fromkeys([*map(_country, _BETWEEN.split(_tight(typed))), *chosen]) if text)


def _country(text: str) -> str:
    """A bare code as the picker says it, so that both are one origin."""
    return f"{COUNTRY}{text.upper()}" if re.fullmatch("[A-Za-z]{2}", text) else text


def _tight(text: str) -> str:
    """A range is one word."""
    return re.sub(r"\s*[-–]\s*", "-", text)
