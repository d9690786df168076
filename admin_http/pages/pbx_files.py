"""Virtual PBXs by file: import with what would change said before, export, and proposals from a ``pjsip.conf``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from admin_http.i18n import N_
from admin_http.keys import SERVICES
from admin_http.pages.frame import form, page, typed, visitor
from asterisk_ext.domain.access import Act, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.services import pjsip_import, tenant_file
from asterisk_ext.services.virtual_pbx import Imported

NO_TEXT = Problem(
    "pbx.file_no_text",
    422,
    "Nothing was read: the file is no text in UTF-8.",
    "Choose the file again, or save it as UTF-8.",
)
FORMS = {"yaml": ("YAML", "application/yaml"), "json": ("JSON", "application/json")}
LISTED = 500
"""Rows of a plan that are shown; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    content: str = ""
    """A file's text once it has been read, so that what is said is what is done."""
    confirmed: bool = False
    home: str = ""
    domain: str = ""
    form: str = "yaml"


@dataclass(frozen=True, slots=True)
class Line:
    """One virtual PBX of a file."""

    id: int
    name: str
    is_new: bool
    problem: str = ""


async def show(request: web.Request) -> web.Response:
    require(visitor(request)[0], Act.SEE_PBX)
    return _page(request, {})


async def bring_in(request: web.Request) -> web.Response:
    """Without ``confirmed`` says what would change; with it, changes it and shows the passwords that were made up."""
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_PBX)
    sent, services = await form(request, Sent), request.app[SERVICES]
    known = {pbx.id for pbx in services.fleet.tenants()}
    content = ""
    try:
        content = await text(request, sent.content)
        answer = await services.virtual_pbxs.import_file(actor, content.encode(), dry_run=not sent.confirmed)
    except Refusal as refusal:
        return _page(request, {"content": content}, refusal)
    return page(
        request,
        "pbx_import.html",
        answer=answer,
        lines=lines(content, answer, known),
        listed=LISTED,
        content=content,
        confirmed=sent.confirmed,
    )


def lines(content: str, answer: Imported, known: set[int]) -> list[Line]:
    """What changes, in the file's order."""
    entries: list[dict[str, Any]] = tenant_file.plain(content.encode())
    wanted = {*answer.changed, *answer.failed}
    return [
        Line(entry["id"], str(entry.get("name", "")), entry["id"] not in known, answer.failed.get(entry["id"], ""))
        for entry in entries
        if entry["id"] in wanted
    ]


async def propose(request: web.Request) -> web.Response:
    """Virtual PBXs found in a ``pjsip.conf``, as a file that may be looked at before it is imported."""
    require(visitor(request)[0], Act.CHANGE_PBX)
    sent = await form(request, Sent)
    try:
        found = pjsip_import.propose(
            pjsip_import.sections(await text(request, "")), home=sent.home, domain=sent.domain or "example.net"
        )
    except Refusal as refusal:
        return _page(request, await typed(request), refusal)
    content = tenant_file.encoded({"tenants": found.tenants}, "yaml").decode() if found.tenants else ""
    return _page(request, {**await typed(request), "content": content}, remarks=found.remarks, proposed=True)


async def export(request: web.Request) -> web.Response:
    return await _exported(request, request.query.get("form", ""), with_secrets=False)


async def export_secrets(request: web.Request) -> web.Response:
    """It is an act: it is noted in the audit."""
    require(visitor(request)[0], Act.EXPORT_SECRETS)
    return await _exported(request, (await form(request, Sent)).form, with_secrets=True)


async def _exported(request: web.Request, wanted: str, with_secrets: bool) -> web.Response:
    actor, _ = visitor(request)
    name = wanted if wanted in FORMS else "yaml"
    data = tenant_file.encoded(await request.app[SERVICES].virtual_pbxs.export(actor, with_secrets), name)
    headers = {"Content-Disposition": f'attachment; filename="virtual-pbx.{name}"'}
    return web.Response(body=data, content_type=FORMS[name][1], charset="utf-8", headers=headers)


async def text(request: web.Request, given: str) -> str:
    """The text of the file that was sent, else ``given``; refuses ``pbx.file_no_text``."""
    field = (await request.post()).get("file")
    if not isinstance(field, FileField):
        return given
    try:
        return field.file.read().decode().replace("\r\n", "\n") or given
    except UnicodeDecodeError:
        raise NO_TEXT.refuse(field="file") from None


def _page(
    request: web.Request,
    values: dict[str, str],
    refusal: Refusal | None = None,
    remarks: list[pjsip_import.Remark] | None = None,
    proposed: bool = False,
) -> web.Response:
    services = request.app[SERVICES]
    return page(
        request,
        "pbx_files.html",
        refusal=refusal,
        values=values,
        remarks=remarks or [],
        proposed=proposed,
        forms={name: word for name, (word, _) in FORMS.items()},
        count=len(services.fleet.tenants()),
        servers=[server.name for server in services.fleet.servers() if server.technology.hosts],
        title=N_("Virtual PBXs by file"),
    )
