"""What every page has around it: navigation, the line of truth, the refusal, the strip of the last act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import web

from admin_http.api.route import invalid
from admin_http.i18n import LANGUAGES, N_, Words, epoch
from admin_http.keys import ACTOR, SERVICES, SESSION, TEMPLATES, WORDS
from admin_http.pages.acts import STATUS
from admin_http.sessions import STRIP_LIFE, Session, Strip
from admin_http.truth import Truth, truth
from asterisk_ext.domain.access import Act, Actor, allows
from asterisk_ext.domain.errors import Refusal

T = TypeVar("T")

THEME = "theme"
THEMES = {"system": N_("As the system"), "light": N_("Light"), "dark": N_("Dark")}


@dataclass(frozen=True, slots=True)
class Section:
    path: str
    icon: str
    label: str
    act: Act


NAVIGATION = (
    (
        N_("Operation"),
        (
            Section("/", "home", N_("Overview"), Act.SEE_FLEET),
            Section("/calls", "phone", N_("Live calls"), Act.SEE_CALLS),
            Section("/blocked-calls", "lock", N_("Blocked calls"), Act.SEE_CALLS),
        ),
    ),
    (
        N_("Platform"),
        (
            Section("/servers", "servers", N_("SIP servers"), Act.SEE_FLEET),
            Section("/pbx", "building", N_("Virtual PBXs"), Act.SEE_PBX),
            Section("/audios", "sound", N_("Audios and music"), Act.SEE_AUDIOS),
        ),
    ),
    (
        N_("Security"),
        (
            Section("/bans", "shield", N_("Blocked IPs"), Act.SEE_BANS),
            Section("/firewall/countries", "globe", N_("Country lists"), Act.SEE_FIREWALL),
            Section("/firewall/lists", "bars", N_("Address lists"), Act.SEE_FIREWALL),
            Section("/audit", "journal", N_("Audit"), Act.SEE_AUDIT),
        ),
    ),
)

ROLES = {
    "viewer": N_("viewer"),
    "support": N_("support"),
    "operator": N_("operator"),
    "administrator": N_("administrator"),
}


class NotLoggedIn(web.HTTPSeeOther):
    def __init__(self, request: web.Request) -> None:
        wanted = request.path_qs if request.method == "GET" else "/"
        super().__init__("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}")


def visitor(request: web.Request) -> tuple[Actor, Session]:
    """Who looks; sends strangers to the login."""
    actor, session = request.get(ACTOR), request.get(SESSION)
    if actor is None or session is None:
        raise NotLoggedIn(request)
    return actor, session


def page(
    request: web.Request, template: str, /, *, status: int = 200, refusal: Refusal | None = None, **context: object
) -> web.Response:
    """The page ``template`` in its frame; ``refusal`` is said on top of it and beside its field."""
    text = render(request, template, refusal=refusal, **context)
    headers = {"Content-Language": request[WORDS].tag, "Vary": "Cookie, Accept-Language"}
    return web.Response(
        status=refusal.problem.status if refusal is not None else status,
        text=text,
        content_type="text/html",
        headers=headers,
    )


def render(request: web.Request, template: str, /, *, refusal: Refusal | None = None, **context: object) -> str:
    services, words = request.app[SERVICES], request[WORDS]
    actor, session = request.get(ACTOR), request.get(SESSION)
    now = services.clock()
    frame = {
        "_": words.text,
        "_n": words.plural,
        "rich": words.rich,
        "words": words,
        "now": now,
        "actor": actor,
        "may": lambda act, pbx=None: actor is not None and allows(actor, Act(act), pbx),
        "role": ROLES[actor.role.word] if actor is not None else "",
        "csrf": session.csrf if session is not None else "",
        "strip": _strip(session, now),
        "epoch": epoch,
        "statuses": STATUS,
        "revision": services.fleet.revision,
        "map_revision": services.fleet.map_revision,
        "hoster": services.hoster,
        "node": services.node,
        "navigation": NAVIGATION,
        "here": request.path,
        "address": request.path_qs if request.method == "GET" else "/",
        "truth": truth_for(request),
        "languages": LANGUAGES,
        "themes": THEMES,
        "theme": theme_of(request),
        "refusal": said(refusal, words),
    }
    return request.app[TEMPLATES].render(template, **{**frame, **context})


def truth_for(request: web.Request) -> Truth | None:
    actor = request.get(ACTOR)
    if actor is None or not allows(actor, Act.SEE_FLEET):
        return None
    return truth(request.app[SERVICES], actor)


def theme_of(request: web.Request) -> str:
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else "system"


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal in the reader's words."""

    what: str
    remedy: str
    error_id: str
    field: str


def said(refusal: Refusal | None, words: Words) -> Said | None:
    if refusal is None:
        return None
    what, remedy = words.refusal(refusal)
    return Said(what, remedy, refusal.error_id, refusal.field or "")


async def refused(request: web.Request, refusal: Refusal) -> web.Response:
    """The page of a refusal that no other page could show."""
    return page(request, "error.html", refusal=refusal)


async def form(request: web.Request, kind: type[T]) -> T:
    """The fields that were sent, as ``kind``; refuses ``request.invalid``. Texts lose the blanks around them."""
    sent = {
        name: value.strip() if name != "password" else value
        for name, value in (await request.post()).items()
        if isinstance(value, str) and name != "csrf"
    }
    try:
        return msgspec.convert(sent, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, "") from error


async def typed(request: web.Request) -> dict[str, str]:
    """What was typed, to be shown again beside a refusal."""
    return {
        name: value
        for name, value in (await request.post()).items()
        if isinstance(value, str) and name not in ("csrf", "password")
    }


def done(session: Session, strip: Strip, to: str) -> web.HTTPSeeOther:
    """After an act: back to a page that shows the new truth, with the strip of what was done."""
    session.strip = strip
    return web.HTTPSeeOther(to)


def _strip(session: Session | None, now: float) -> Strip | None:
    if session is None or session.strip is None:
        return None
    if now - session.strip.at > STRIP_LIFE:
        session.strip = None
    return session.strip
