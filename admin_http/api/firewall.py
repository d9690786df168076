"""A server's firewall over the API: rules, plan, trial, explanation; lists and templates of the fleet."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from admin_http.api.firewall_bodies import Apply, Asked, Confirm, Entries, Move, NewRule, Seen, Session, Template, Told
from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from admin_http.visitor_address import own_session
from asterisk_ext.domain import firewall_edit, firewall_origin, firewall_rule
from asterisk_ext.domain import server as server_domain
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.firewall import NOT_A_QUESTION
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.domain.firewall_trial import Pending, Question
from asterisk_ext.ports import SILENT
from asterisk_ext.services import firewall as service
from asterisk_ext.services import firewall_drafts, firewall_lists
from asterisk_ext.services.firewall_elsewhere import UNSURE
from asterisk_ext.services.firewall_lists import Listed
from asterisk_ext.services.firewall_plan import View
from asterisk_ext.services.firewall_table import Table


async def table(services: Services, actor: Actor, name: str) -> Table:
    return await services.firewall.table(actor, name)


async def add(services: Services, actor: Actor, name: str, body: NewRule) -> Rule:
    return await services.firewall.drafts.put(actor, name, body.rule(), number=body.number, revision=body.revision)


async def change(services: Services, actor: Actor, name: str, rule: str, body: NewRule) -> Rule:
    return await services.firewall.drafts.put(actor, name, body.rule(rule), revision=body.revision)


async def move(services: Services, actor: Actor, name: str, rule: str, body: Move) -> None:
    await services.firewall.drafts.move(actor, name, rule, body.number, body.revision)


async def remove(services: Services, actor: Actor, name: str, rule: str, query: Seen) -> None:
    await services.firewall.drafts.remove(actor, name, rule, query.revision)


async def discard(services: Services, actor: Actor, name: str) -> None:
    await services.firewall.drafts.discard(actor, name)


async def use_template(services: Services, actor: Actor, name: str, body: Template) -> None:
    await services.firewall.drafts.use_template(actor, name, body.template)


async def save_template(services: Services, actor: Actor, name: str, body: Template) -> None:
    await services.firewall.drafts.save_template(actor, name, body.template)


async def plan(services: Services, actor: Actor, request: web.Request, name: str, body: Session) -> View:
    await services.fleet.reached(body.revision)
    return await services.firewall.plan(actor, name, [*own_session(request), *body.session])


async def apply(services: Services, actor: Actor, request: web.Request, name: str, body: Apply) -> Pending:
    await services.fleet.reached(body.revision)
    return await services.firewall.apply(
        actor,
        name,
        body.digest,
        acknowledged=body.acknowledged,
        session=[*own_session(request), *body.session],
        force=body.force,
    )


async def confirm(services: Services, actor: Actor, name: str, body: Confirm) -> None:
    await services.firewall.confirm(actor, name, body.digest)


async def roll_back(services: Services, actor: Actor, name: str) -> None:
    await services.firewall.roll_back(actor, name)


async def explain(services: Services, actor: Actor, name: str, query: Asked) -> Told:
    await services.fleet.reached(query.revision)
    question = Question(query.address, query.protocol, query.port)
    now, draft = await services.firewall.explain(actor, name, question)
    return Told(now=now, draft=draft)


async def lists(services: Services, actor: Actor) -> dict[str, Listed]:
    return services.firewall.lists.table(actor)


async def save_list(services: Services, actor: Actor, list: str, body: Entries) -> Listed:
    return await services.firewall.lists.save(actor, list, body.entries, body.revision)


async def remove_list(services: Services, actor: Actor, list: str, query: Seen) -> None:
    await services.firewall.lists.remove(actor, list, query.revision)


async def templates(services: Services, actor: Actor) -> Sequence[str]:
    return services.firewall.drafts.templates(actor)


HERE = (server_domain.UNKNOWN, SILENT)
ENTRIES = (firewall_origin.NOT_AN_ORIGIN, firewall_origin.HOST_BITS, firewall_origin.REVERSED)
WRONG = (
    *(firewall_rule.UNKNOWN_TYPE, firewall_rule.BAD_PORT, firewall_rule.PORTS_REVERSED, firewall_rule.NO_PORTS),
    *(firewall_rule.DUPLICATE, firewall_rule.TOO_LONG, firewall_rule.TOO_MANY),
    *ENTRIES,
    *(firewall_origin.UNKNOWN_COUNTRY, firewall_origin.UNKNOWN_LIST, firewall_origin.OVERLAPPING),
)
EDITS = (server_domain.UNKNOWN, firewall_drafts.CHANGED_MEANWHILE, *WRITES)
PATH = "/servers/{name}/firewall"
SEE, CHANGE = Act.SEE_FIREWALL, Act.CHANGE_FIREWALL

ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handle=table,
        summary="A server's firewall: derived rules, rules in force, the draft and a trial",
        act=SEE,
        problems=(server_domain.UNKNOWN,),
    ),
    Route(
        method="GET",
        path=f"{PATH}/explain",
        handle=explain,
        summary="Whether an address gets in, and which ban, list or rule decides",
        act=SEE,
        problems=(*HERE, NOT_A_QUESTION),
    ),
    Route(
        method="POST",
        path=f"{PATH}/rules",
        handle=add,
        summary="Add a rule to the draft",
        act=CHANGE,
        status=201,
        problems=(*EDITS, *WRONG),
    ),
    Route(
        method="PUT",
        path=f"{PATH}/rules/{{rule}}",
        handle=change,
        summary="Change a rule of the draft",
        act=CHANGE,
        problems=(*EDITS, *WRONG),
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/rules/{{rule}}",
        handle=remove,
        summary="Remove a rule from the draft",
        act=CHANGE,
        problems=(*EDITS, firewall_edit.UNKNOWN_RULE),
    ),
    Route(
        method="POST",
        path=f"{PATH}/rules/{{rule}}/move",
        handle=move,
        summary="Move a rule of the draft to another number",
        act=CHANGE,
        problems=(*EDITS, firewall_edit.UNKNOWN_RULE, firewall_rule.DUPLICATE),
    ),
    Route(
        method="POST",
        path=f"{PATH}/discard",
        handle=discard,
        summary="Throw the draft away",
        act=CHANGE,
        problems=WRITES,
    ),
    Route(
        method="POST",
        path=f"{PATH}/use-template",
        handle=use_template,
        summary="Make the draft a template's rules",
        act=CHANGE,
        problems=(*EDITS, firewall_drafts.NO_TEMPLATE),
    ),
    Route(
        method="POST",
        path=f"{PATH}/save-template",
        handle=save_template,
        summary="Keep the draft's rules as a template of the fleet",
        act=CHANGE,
        problems=WRITES,
    ),
    Route(
        method="POST",
        path=f"{PATH}/plan",
        handle=plan,
        summary="What the draft would change and who would be cut, by proof",
        act=CHANGE,
        problems=HERE,
    ),
    Route(
        method="POST",
        path=f"{PATH}/apply",
        handle=apply,
        summary="Put the draft on trial for 60 s; without a confirmation the rules before return",
        act=CHANGE,
        problems=(*HERE, UNSURE, service.NOT_PLANNED, service.NOT_ACKNOWLEDGED, *WRITES),
    ),
    Route(
        method="POST",
        path=f"{PATH}/confirm",
        handle=confirm,
        summary="Keep the rules on trial",
        act=CHANGE,
        problems=(*HERE, UNSURE, *WRITES),
    ),
    Route(
        method="POST",
        path=f"{PATH}/rollback",
        handle=roll_back,
        summary="Return to the rules before, now",
        act=CHANGE,
        problems=(*HERE, UNSURE, *WRITES),
    ),
    Route(method="GET", path="/firewall/lists", handle=lists, summary="The hoster's address lists", act=SEE),
    Route(
        method="PUT",
        path="/firewall/lists/{list}",
        handle=save_list,
        summary="Save an address list",
        act=CHANGE,
        problems=(firewall_origin.BAD_LIST, *ENTRIES, firewall_lists.LIST_CHANGED, *WRITES),
    ),
    Route(
        method="DELETE",
        path="/firewall/lists/{list}",
        handle=remove_list,
        summary="Remove an address list that no rule names",
        act=CHANGE,
        problems=(firewall_origin.UNKNOWN_LIST, firewall_lists.IN_USE, firewall_lists.LIST_CHANGED, *WRITES),
    ),
    Route(method="GET", path="/firewall/templates", handle=templates, summary="Templates of rules", act=SEE),
)
