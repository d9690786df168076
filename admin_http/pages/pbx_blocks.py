"""Many blocks set or lifted by a list, as a billing system does: what would change is said first, the way back last."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import form, page, typed, visitor
from admin_http.pages.pbx_files import LISTED, text
from asterisk_ext.domain.access import Act, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Pbx, Status
from asterisk_ext.services import pbx_blocks
from asterisk_ext.services.pbx_blocks import Done, Wanted

CHOICES = {
    Status.PARTIAL_BLOCK: N_("Partial block"),
    Status.TOTAL_BLOCK: N_("Total block"),
    Status.ACTIVE: N_("Active"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    content: str = ""
    status: Status = Status.PARTIAL_BLOCK
    """Of lines that name none."""
    reason: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    pbx: Pbx
    """As it was before."""
    status: Status
    reason: str
    problem: str = ""


async def ask(request: web.Request) -> web.Response:
    require(visitor(request)[0], Act.CHANGE_PBX)
    return _page(request, {})


async def set_(request: web.Request) -> web.Response:
    """Without ``confirmed`` says what would change; with it, changes it and offers the list that undoes it."""
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_PBX)
    sent, services = await form(request, Sent), request.app[SERVICES]
    before = {pbx.id: pbx for pbx in services.fleet.tenants()}
    content = sent.content
    try:
        content = await text(request, sent.content)
        wanted = pbx_blocks.read(content, sent.status, sent.reason)
        done = await services.pbx_blocks.set(actor, wanted, dry_run=not sent.confirmed)
    except Refusal as refusal:
        return _page(request, {**await typed(request), "content": content}, refusal)
    changes = lines(wanted, done, before)
    return page(
        request,
        "pbx_blocks_plan.html",
        lines=changes,
        done=done,
        listed=LISTED,
        content=as_list([Wanted(pbx=line.pbx.id, status=line.status, reason=line.reason) for line in changes]),
        back=as_list(
            [
                Wanted(pbx=line.pbx.id, status=line.pbx.status, reason=line.pbx.reason)
                for line in changes
                if not line.problem
            ]
        ),
        confirmed=sent.confirmed,
    )


def lines(wanted: list[Wanted], done: Done, before: dict[int, Pbx]) -> list[Line]:
    named = {*done.changed, *done.failed}
    return [
        Line(before[item.pbx], item.status, item.reason, done.failed.get(item.pbx, ""))
        for item in wanted
        if item.pbx in named
    ]


def as_list(wanted: list[Wanted]) -> str:
    """Lines as ``pbx_blocks.read`` takes them."""
    return "".join(f"{item.pbx},{item.status},{item.reason}\n" for item in wanted)


def _page(request: web.Request, values: dict[str, str], refusal: Refusal | None = None) -> web.Response:
    return page(request, "pbx_blocks.html", refusal=refusal, values=values, choices=CHOICES)
