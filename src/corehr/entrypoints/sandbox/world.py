"""The records that have names, how to be refused, and more people."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.engines import versions
from corehr.engines.timeline import version_as_of
from corehr.entrypoints.demo import names as people_names
from corehr.entrypoints.demo.almanac import later, years_later
from corehr.entrypoints.demo.chance import Chance
from corehr.entrypoints.demo.company import add_names, made, read_names
from corehr.entrypoints.demo.described import describe_people
from corehr.entrypoints.demo.people import hire
from corehr.entrypoints.demo.plans import Plan, Terms
from corehr.entrypoints.sandbox.door import Refused, read
from corehr.entrypoints.sandbox.recipes import recipes
from corehr.entrypoints.sandbox.travel import Travel
from corehr.hr.job_datas import records as job_datas
from corehr.kernel.clock import IsoDate, local_date
from corehr.kernel.db import Tx

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

FIRST_EXTRA: Final = 1_000_000
"""The number from which user ids of extra people are made: no demo company has so many."""

_EXTRA: Final = "extra_"


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1, le=1000)]


class World:
    """GET world and POST world/employees."""

    def __init__(self, installation: "Installation", travel: Travel) -> None:
        self._installation, self._travel = installation, travel

    async def get(self, request: Request) -> dict[str, Any]:
        house = self._installation

        def read_all(tx: Tx) -> dict[str, Any]:
            company, named = made(tx), read_names(tx)
            today = local_date(company[2], house.tenant.time_zone) if company else ""
            return {**named, "recipes": recipes(named, house.spec, today) if company else {}}

        told = await house.store.query(house.tenant.id, read_all)
        for facts in told.get("apps", {}).values():
            app = await house.apps.get(facts["id"])
            if app is not None and app.type == "store":
                facts |= {"app_ticket": house.tickets.current(app), "tenant_key": app.tenant_key}
        return told

    async def hire(self, request: Request) -> dict[str, Any]:
        """More people like `active`, who have been there for a year; Refused where there is no `active`."""
        count, house = (await read(request, Wanted)).count, self._installation
        async with self._travel.lock:
            hired = await house.store.command(house.tenant.id, lambda tx: self._hire(tx, count))
        return {"employments": hired}

    def _hire(self, tx: Tx, count: int) -> dict[str, Any]:
        known = read_names(tx).get("employments", {})
        active = known.get("active")
        if active is None:
            raise Refused(HTTPStatus.CONFLICT, "there is no demo company here, so nobody to take as a pattern")
        today = local_date(tx.now, self._installation.tenant.time_zone)
        life = versions.timeline(tx, job_datas.KIND, active["job_data_id"])
        pattern = {**(version_as_of(life, today) or life[0]).body, "assignment_start_reason": "onboarding"}
        there = sum(1 for name in known if name.startswith(_EXTRA))
        plans = [_plan(there + n + 1, today, pattern["department_id"]) for n in range(count)]
        for plan in plans:
            hire(tx, plan, pattern, today, active["company_id"])
        ids = {str(plan.called): plan.id for plan in plans}
        facts = dict(describe_people(tx, ids, today, self._installation.tenant.server_key))
        add_names(tx, {"employments": facts})
        return facts


def _plan(number: int, today: IsoDate, department_id: str) -> Plan:
    name, user_id = people_names.person(Chance(number), FIRST_EXTRA + number)
    started = years_later(today, -1)
    return Plan(
        name=name,
        user_id=user_id,
        onboarding=started,
        department_id=department_id,
        manager=None,
        dotted=None,
        contracts=[Terms(started, later(years_later(started, 3), -1))],
        called=f"{_EXTRA}{number}",
    )
