"""What ends, or will end, in a demo company: offboardings in every status, employments, things that are disabled."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from corehr.engines import versions
from corehr.entrypoints.demo import offboardings
from corehr.entrypoints.demo.characters import CLOSES, IN_FULL
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.organisation import ENTITIES
from corehr.entrypoints.demo.plans import Plan
from corehr.hr.employments import records as people
from corehr.hr.job_datas import records as job_datas
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import FOREVER
from corehr.kernel.db import Tx

FAR: Final = 730
"""Days from today to the version of `future_job_data`, later than any change."""


def schedule(company: Company, cast: Mapping[str, Plan]) -> None:
    """In order of time: half a year ago until the day before yesterday."""
    almanac = company.almanac
    company.at(almanac.morning(almanac.day(-180)), partial(_disable, company))
    company.at(almanac.morning(almanac.day(-60)), partial(_end, company, cast))
    company.at(almanac.morning(almanac.day(-21)), partial(_plan_headcount, company))
    company.at(almanac.morning(almanac.day(-18)), partial(_disable_soon, company))
    offboardings.schedule(company, cast)


def _disable(company: Company, tx: Tx) -> None:
    for kind, names in company.world.items():
        if kind in ENTITIES and "disabled" in names:
            day = company.almanac.day(-180)
            ENTITIES[kind].amend(tx, names["disabled"]["id"], day, {"active": False})
            names["disabled"]["disabled_from"] = day


def _disable_soon(company: Company, tx: Tx) -> None:
    for kind in ("departments", "cost_centers"):
        facts = company.world[kind]["disabled_next_month"]
        facts["disabled_from"] = company.almanac.next_month
        ENTITIES[kind].amend(tx, facts["id"], facts["disabled_from"], {"active": False})
    closing = company.world["departments"]["closing"]
    closing["disabled_from"] = company.almanac.day(CLOSES)
    ENTITIES["departments"].amend(tx, closing["id"], closing["disabled_from"], {"active": False})


def _plan_headcount(company: Company, tx: Tx) -> None:
    full = company.world["departments"]["full"]
    full["headcount"] = IN_FULL
    id = company.name("workforce_plans", "full", tx.new_id(), department_id=full["id"], value=IN_FULL)
    workforce_plans.create(tx, id, {"department_id": full["id"]}, IN_FULL, company.almanac.founded, FOREVER)


def _end(company: Company, cast: Mapping[str, Plan], tx: Tx) -> None:
    """An end that no offboarding made, and job data that begins long after today."""
    people.set_end_date(tx, cast["fixed_end"].id, company.almanac.end_of_last_month)
    plan, day = cast["future_job_data"], company.almanac.day(FAR)
    life = versions.timeline(tx, job_datas.KIND, plan.job_data_id)
    patch = {"weekly_working_hours": "20"}
    job_datas.append(tx, plan.job_data_id, plan.id, life, day, patch, ("import", plan.id))
