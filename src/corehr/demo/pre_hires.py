"""The pre-hires of a demo company: one in every stage, and one whose onboarding flow failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from corehr.demo import names
from corehr.demo.apps import DEFAULT_APP_ID
from corehr.demo.demo_build import DemoBuild
from corehr.hr.pre_hires import commands, records
from corehr.hr.pre_hires.records import SYSTEM_TASKS, FlowStatus, Status, TaskStatus
from corehr.hr.pre_hires.rules import WithdrawOnboarding
from corehr.kernel.db import Tx

COMPANY_TASK: Final = ("6f0f6f4e-2c53-4d0e-9a8f-3f0d4f7a1c11", "领取电脑")
"""Code and name of a task that this company adds to the system tasks: collect a computer."""

TASK_ORDER: Final = ("1", "3", "2", "9", COMPANY_TASK[0], "4")
_ALL_COMPLETED: Final = dict.fromkeys(TASK_ORDER, TaskStatus.COMPLETED)
_IN_PROGRESS: Final = {
    "1": TaskStatus.COMPLETED,
    "3": TaskStatus.SKIPPED,
    "2": TaskStatus.IN_PROGRESS,
    "9": TaskStatus.NOT_STARTED,
    COMPANY_TASK[0]: TaskStatus.NOT_STARTED,
    "4": TaskStatus.UNINITIALIZED,
}


@dataclass(frozen=True)
class PreHirePlan:
    """One pre-hire, created `created_days_ago`, whose first day is `starts_in_days` from today, past when negative."""

    name: str
    status: Status
    flow_status: FlowStatus
    tasks: Mapping[str, TaskStatus]
    created_days_ago: int
    starts_in_days: int


PRE_HIRE_PLANS: Final = (
    PreHirePlan("completed", Status.COMPLETED, FlowStatus.COMPLETED, _ALL_COMPLETED, 58, -14),
    PreHirePlan("deleted", Status.DELETED, FlowStatus.EXPIRED, _IN_PROGRESS, 48, 10),
    PreHirePlan("day_one", Status.DAY_ONE, FlowStatus.COMPLETED, _ALL_COMPLETED, 40, 3),
    PreHirePlan("withdrawn", Status.PREBOARDING, FlowStatus.IN_PROGRESS, _IN_PROGRESS, 32, 20),
    PreHirePlan("stuck", Status.PREBOARDING, FlowStatus.OTHERS, {**_IN_PROGRESS, "2": TaskStatus.EXCEPTION}, 22, 15),
    PreHirePlan("preboarding", Status.PREBOARDING, FlowStatus.IN_PROGRESS, _IN_PROGRESS, 14, 30),
)


def schedule_pre_hires(build: DemoBuild) -> None:
    """Schedule the onboarding flow on the first day, then the pre-hires, oldest first, and one withdrawal."""
    dates = build.dates
    build.schedule(dates.at_nine(dates.founded), partial(_create_flow, build))
    for pre_hire_plan in PRE_HIRE_PLANS:
        person_name, _ = names.generate_name_and_id(build.random, 0)
        build.schedule(
            dates.at_nine(dates.day(-pre_hire_plan.created_days_ago)),
            partial(_create_pre_hire, build, pre_hire_plan, person_name),
        )
    build.schedule(dates.at_nine(dates.day(-27)), partial(_withdraw, build))


def _create_flow(build: DemoBuild, tx: Tx) -> None:
    id = build.register("onboarding_flows", "standard", tx.new_id())
    records.create_flow(tx, id, "标准入职流程", "Standard onboarding")


def _create_pre_hire(build: DemoBuild, pre_hire_plan: PreHirePlan, person_name: str, tx: Tx) -> None:
    by_kind, id, first_day = build.organisation.by_kind, tx.new_id(), build.dates.day(pre_hire_plan.starts_in_days)
    task_names = {**SYSTEM_TASKS, COMPANY_TASK[0]: COMPANY_TASK[1]}
    records.create(
        tx,
        id=id,
        name=person_name,
        status=pre_hire_plan.status,
        onboarding_date=first_day,
        department_id=build.organisation.teams[0],
        offer={
            "job_id": by_kind["jobs"][0],
            "job_family_id": by_kind["job_families"][0],
            "job_level_id": by_kind["job_levels"][0],
            "employee_type_id": by_kind["employee_types"][0],
            "work_location_id": by_kind["locations"][0],
        },
        flow_id=build.id_of("onboarding_flows", "standard"),
        flow_status=pre_hire_plan.flow_status,
        tasks=[(code, task_names[code], pre_hire_plan.tasks[code]) for code in TASK_ORDER],
    )
    build.register("pre_hires", pre_hire_plan.name, id, onboarding_date=first_day)


def _withdraw(build: DemoBuild, tx: Tx) -> None:
    id, reason = build.id_of("pre_hires", "withdrawn"), "候选人接受了其他公司的邀请"
    commands.withdraw(tx, WithdrawOnboarding(id, reason, DEFAULT_APP_ID, "all"))
