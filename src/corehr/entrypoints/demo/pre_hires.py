"""The pre-hires of a demo company: one in every stage, and one whose onboarding flow broke."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from corehr.entrypoints.demo import names
from corehr.entrypoints.demo.apps import FIRST
from corehr.entrypoints.demo.company import Company
from corehr.hr.pre_hires import commands, records
from corehr.hr.pre_hires.records import SYSTEM_TASKS, FlowStatus, Status, TaskStatus
from corehr.hr.pre_hires.rules import WithdrawOnboarding
from corehr.kernel.db import Tx

OWN_TASK: Final = ("6f0f6f4e-2c53-4d0e-9a8f-3f0d4f7a1c11", "领取电脑")
"""The task that this company adds to those every flow may have: fetching a computer."""

ORDER: Final = ("1", "3", "2", "9", OWN_TASK[0], "4")
_DONE: Final = dict.fromkeys(ORDER, TaskStatus.COMPLETED)
_BEGUN: Final = {
    "1": TaskStatus.COMPLETED,
    "3": TaskStatus.SKIPPED,
    "2": TaskStatus.IN_PROGRESS,
    "9": TaskStatus.NOT_STARTED,
    OWN_TASK[0]: TaskStatus.NOT_STARTED,
    "4": TaskStatus.UNINITIALIZED,
}


@dataclass(frozen=True)
class Wanted:
    """One pre-hire: how many days ago they were written down, and their first day, counted from today."""

    name: str
    status: Status
    flow: FlowStatus
    tasks: Mapping[str, TaskStatus]
    written: int
    first_day: int


WANTED: Final = (
    Wanted("completed", Status.COMPLETED, FlowStatus.COMPLETED, _DONE, 58, -14),
    Wanted("deleted", Status.DELETED, FlowStatus.EXPIRED, _BEGUN, 48, 10),
    Wanted("day_one", Status.DAY_ONE, FlowStatus.COMPLETED, _DONE, 40, 3),
    Wanted("withdrawn", Status.PREBOARDING, FlowStatus.IN_PROGRESS, _BEGUN, 32, 20),
    Wanted("stuck", Status.PREBOARDING, FlowStatus.OTHERS, {**_BEGUN, "2": TaskStatus.EXCEPTION}, 22, 15),
    Wanted("preboarding", Status.PREBOARDING, FlowStatus.IN_PROGRESS, _BEGUN, 14, 30),
)


def schedule(company: Company) -> None:
    """They are written down the oldest first; one is withdrawn some days later."""
    almanac = company.almanac
    company.at(almanac.morning(almanac.founded), partial(_add_flow, company))
    for wanted in WANTED:
        person, _ = names.person(company.chance, 0)
        company.at(almanac.morning(almanac.day(-wanted.written)), partial(_add, company, wanted, person))
    company.at(almanac.morning(almanac.day(-27)), partial(_withdraw, company))


def _add_flow(company: Company, tx: Tx) -> None:
    id = company.name("onboarding_flows", "standard", tx.new_id())
    records.create_flow(tx, id, "标准入职流程", "Standard onboarding")


def _add(company: Company, wanted: Wanted, person: str, tx: Tx) -> None:
    plain, id, first_day = company.organisation.plain, tx.new_id(), company.almanac.day(wanted.first_day)
    row = {
        "id": id,
        "name": person,
        "onboarding_status": wanted.status.value,
        "onboarding_date": first_day,
        "department_id": company.organisation.teams[0],
        "offer": {
            "job_id": plain["jobs"][0],
            "job_family_id": plain["job_families"][0],
            "job_level_id": plain["job_levels"][0],
            "employee_type_id": plain["employee_types"][0],
            "work_location_id": plain["locations"][0],
        },
        "flow_id": company.named("onboarding_flows", "standard"),
        "flow_status": wanted.flow.value,
    }
    called = {**SYSTEM_TASKS, OWN_TASK[0]: OWN_TASK[1]}
    records.create(tx, row, [(code, called[code], wanted.tasks[code]) for code in ORDER])
    company.name("pre_hires", wanted.name, id, onboarding_date=first_day)


def _withdraw(company: Company, tx: Tx) -> None:
    id, reason = company.named("pre_hires", "withdrawn"), "候选人接受了其他公司的邀请"
    commands.withdraw(tx, WithdrawOnboarding(id, reason, FIRST, "all"))
