"""What ends in a demo company: offboardings in every status, employments, and disabled records."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from corehr.demo import offboardings
from corehr.demo.demo_build import DemoBuild
from corehr.demo.named_people import DEPARTMENT_CLOSES_IN_DAYS, FULL_DEPARTMENT_HEADCOUNT
from corehr.demo.organisation import ENTITIES
from corehr.demo.plans import PersonSeed
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import FOREVER
from corehr.kernel.db import Tx

FUTURE_JOB_DATA_DAYS: Final = 730
"""Days from today to the last job-data version of `future_job_data`, later than any job change."""


def schedule_endings(build: DemoBuild, people_by_name: Mapping[str, PersonSeed]) -> None:
    """Schedule everything that ends, in order of time; the first of it happened 180 days ago."""
    dates = build.dates
    build.schedule(dates.at_nine(dates.day(-180)), partial(_disable, build))
    build.schedule(dates.at_nine(dates.day(-60)), partial(_set_end_dates, build, people_by_name))
    build.schedule(dates.at_nine(dates.day(-21)), partial(_plan_headcount, build))
    build.schedule(dates.at_nine(dates.day(-18)), partial(_disable_soon, build))
    offboardings.schedule_offboardings(build, people_by_name)


def _disable(build: DemoBuild, tx: Tx) -> None:
    for kind, names in build.named_records.items():
        if kind in ENTITIES and "disabled" in names:
            day = build.dates.day(-180)
            ENTITIES[kind].amend(tx, names["disabled"]["id"], day, {"active": False})
            names["disabled"]["disabled_from"] = day


def _disable_soon(build: DemoBuild, tx: Tx) -> None:
    for kind in ("departments", "cost_centers"):
        facts = build.named_records[kind]["disabled_next_month"]
        facts["disabled_from"] = build.dates.next_month
        ENTITIES[kind].amend(tx, facts["id"], facts["disabled_from"], {"active": False})
    closing = build.named_records["departments"]["closing"]
    closing["disabled_from"] = build.dates.day(DEPARTMENT_CLOSES_IN_DAYS)
    ENTITIES["departments"].amend(tx, closing["id"], closing["disabled_from"], {"active": False})


def _plan_headcount(build: DemoBuild, tx: Tx) -> None:
    full = build.named_records["departments"]["full"]
    full["headcount"] = FULL_DEPARTMENT_HEADCOUNT
    id = build.register(
        "workforce_plans", "full", tx.new_id(), department_id=full["id"], value=FULL_DEPARTMENT_HEADCOUNT
    )
    workforce_plans.create(
        tx, id, {"department_id": full["id"]}, FULL_DEPARTMENT_HEADCOUNT, build.dates.founded, FOREVER
    )


def _set_end_dates(build: DemoBuild, people_by_name: Mapping[str, PersonSeed], tx: Tx) -> None:
    """Set an end date without an offboarding, and append job data that begins `FUTURE_JOB_DATA_DAYS` from today."""
    employments.set_end_date(tx, people_by_name["fixed_end"].id, build.dates.end_of_last_month)
    plan, day = people_by_name["future_job_data"], build.dates.day(FUTURE_JOB_DATA_DAYS)
    patch = {"weekly_working_hours": "20"}
    job_datas.append(tx, plan.job_data_id, plan.id, day, patch, ("import", plan.id))
