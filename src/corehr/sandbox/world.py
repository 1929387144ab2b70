"""The sandbox calls that list the named records and recipes, and hire more people."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.apps.tickets import current_ticket
from corehr.demo import names as people_names
from corehr.demo.dates import add_days, add_years
from corehr.demo.demo_build import find_demo_company, get_named_records, insert_named_records
from corehr.demo.named_facts import employment_facts
from corehr.demo.people import hire
from corehr.demo.plans import ContractTerms, PersonSeed
from corehr.demo.random import SeededRandom
from corehr.engines import versions
from corehr.engines.timeline import version_as_of
from corehr.hr.employees.job_datas import records as job_datas
from corehr.kernel.clock import IsoDate, local_date
from corehr.kernel.db import Tx
from corehr.kernel.tenants import Tenant
from corehr.sandbox.clock import ClockRoutes
from corehr.sandbox.recipes import build_recipes
from corehr.sandbox.router import SandboxError, parse_body

EXTRA_EMPLOYEE_NUMBERS_START: Final = 1_000_000
"""The first number from which user ids of extra people are made; it exceeds the size of any demo company."""

_EXTRA_PREFIX: Final = "extra_"


class HireBody(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1, le=1000)]


async def get_world(installation: Installation, request: Request) -> dict[str, Any]:
    """Return the facts of all named records, by kind and name, and the recipes."""

    def read_all(tx: Tx) -> dict[str, Any]:
        demo_company, named_records = find_demo_company(tx), get_named_records(tx)
        today = local_date(demo_company[2], installation.tenant.time_zone) if demo_company else ""
        return {
            **named_records,
            "recipes": build_recipes(named_records, installation.spec, today) if demo_company else {},
        }

    world = await installation.store.query(installation.tenant.id, read_all)
    for facts in world.get("apps", {}).values():
        app = await installation.apps.get(facts["id"])
        if app is not None and app.type == "store":
            facts |= {"app_ticket": current_ticket(app), "tenant_key": app.tenant_key}
    return world


async def hire_employees(installation: Installation, clock: ClockRoutes, request: Request) -> dict[str, Any]:
    """Hire `count` people like `active`, employed for a year already, and return their facts by name.

    Raises SandboxError (409) when there is no `active`.
    """
    count = (await parse_body(request, HireBody)).count
    async with clock.lock:
        hired = await installation.store.command(
            installation.tenant.id, lambda tx: _hire_extra(tx, installation.tenant, count)
        )
    return {"employments": hired}


def _hire_extra(tx: Tx, tenant: Tenant, count: int) -> dict[str, Any]:
    facts_by_name = get_named_records(tx).get("employments", {})
    active = facts_by_name.get("active")
    if active is None:
        raise SandboxError(HTTPStatus.CONFLICT, "there is no demo company here, so no `active` to copy")
    today = local_date(tx.now, tenant.time_zone)
    timeline = versions.timeline(tx, job_datas.KIND, active["job_data_id"])
    pattern = {**(version_as_of(timeline, today) or timeline[0]).body, "assignment_start_reason": "onboarding"}
    existing = sum(1 for name in facts_by_name if name.startswith(_EXTRA_PREFIX))
    plans = [_plan_employee(existing + n + 1, today, pattern["department_id"]) for n in range(count)]
    for plan in plans:
        hire(tx, plan, pattern, today, active["company_id"])
    ids = {str(plan.record_name): plan.id for plan in plans}
    facts = dict(employment_facts(tx, ids, today, tenant.server_key))
    insert_named_records(tx, {"employments": facts})
    return facts


def _plan_employee(number: int, today: IsoDate, department_id: str) -> PersonSeed:
    name, user_id = people_names.generate_name_and_id(SeededRandom(number), EXTRA_EMPLOYEE_NUMBERS_START + number)
    onboarding_date = add_years(today, -1)
    return PersonSeed(
        name=name,
        user_id=user_id,
        onboarding=onboarding_date,
        department_id=department_id,
        manager=None,
        dotted_manager=None,
        contracts=[ContractTerms(onboarding_date, add_days(add_years(onboarding_date, 3), -1))],
        record_name=f"{_EXTRA_PREFIX}{number}",
    )
