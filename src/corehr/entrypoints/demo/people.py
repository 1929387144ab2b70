"""How the people of a demo company are hired, kept under contract and promoted, quarter by quarter."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from corehr.entrypoints.demo.almanac import Almanac, later, months_later
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.places import Organisation
from corehr.entrypoints.demo.plans import Plan, Terms
from corehr.hr.contracts import records as contracts
from corehr.hr.employments import records as people
from corehr.hr.job_changes import commands as job_changes
from corehr.hr.job_changes.records import MODE_DIRECT
from corehr.hr.job_changes.rules.case import CreateJobChange
from corehr.hr.job_datas import records as job_datas
from corehr.hr.probation import records as probation
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.feature import DataRange

T = TypeVar("T")

AT_ONCE: Final = 500
"""People at most in one command."""

NOTICE: Final = 14
"""Days before a quarter begins on which its new people are written down."""

PROBATION_MONTHS: Final = 6
EVERYONE: Final = DataRange(everyone=True)


class Staffing:
    """Puts the lives of planned people on the company's agenda."""

    def __init__(self, company: Company, organisation: Organisation) -> None:
        self._company, self._organisation = company, organisation

    @property
    def _almanac(self) -> Almanac:
        return self._company.almanac

    def schedule(self, everybody: Sequence[Plan]) -> None:
        """Hiring a while before the quarter in which they start, renewals and promotions on its first day."""
        quarters = self._almanac.quarters
        hired: list[list[Plan]] = [[] for _ in quarters]
        renewed: list[list[tuple[Plan, Terms]]] = [[] for _ in quarters]
        promoted: list[list[Plan]] = [[] for _ in quarters]
        for plan in everybody:
            at = self._almanac.quarter_of(plan.onboarding)
            hired[-1 if at is None else at].append(plan)
            for terms in plan.contracts[1:]:
                at = self._almanac.quarter_of(terms.start)
                renewed[-1 if at is None else at].append((plan, terms))
            if plan.promoted is not None:
                promoted[plan.promoted].append(plan)
        for first, new, again, up in zip(quarters, hired, renewed, promoted, strict=True):
            before = self._almanac.morning(later(first, -NOTICE))
            for some in _in_parts(new):
                self._company.at(before, partial(self._hire, some))
            for pairs in _in_parts(again):
                self._company.at(self._almanac.morning(first), partial(self._renew, pairs))
            for some in _in_parts(up):
                self._company.at(self._almanac.morning(first), partial(self._promote, some, first))

    def _hire(self, some: Sequence[Plan], tx: Tx) -> None:
        for plan in some:
            hire(tx, plan, job_data(self._organisation, plan), self._almanac.today, self._company_of(plan))

    def _renew(self, some: Sequence[tuple[Plan, Terms]], tx: Tx) -> None:
        for plan, terms in some:
            body = contract(plan, terms, self._company_of(plan), signing_type="renewed")
            contracts.sign(tx, plan.id, terms.start, body, ("renewal", plan.id))

    def _promote(self, some: Sequence[Plan], day: IsoDate, tx: Tx) -> None:
        plain = self._organisation.plain
        for plan in some:
            at = _rank(plan) + 1
            targets = {"job_level_id": plain["job_levels"][at], "job_grade_id": plain["job_grades"][at]}
            job_changes.create(tx, asked(plan.id, "promotion", day, targets), EVERYONE)

    def _company_of(self, plan: Plan) -> str:
        return self._organisation.plain["companies"][plan.place % 2]


def hire(tx: Tx, plan: Plan, first: dict[str, Any], today: IsoDate, company_id: str) -> None:
    """Somebody comes: employment, job data, first contract, and probation when that is not over long since."""
    plan.id, plan.job_data_id = tx.new_id(), tx.new_id()
    person = people.Employment(
        tenant=tx.tenant,
        id=plan.id,
        user_id=plan.user_id,
        people_admin_id=tx.new_id(),
        name=plan.name,
        job_data_id=plan.job_data_id,
        onboarding_date=plan.onboarding,
        end_date=None,
    )
    regular = months_later(plan.onboarding, PROBATION_MONTHS)
    facts = {
        "employee_number": f"N{plan.user_id[-4:]}",
        "seniority_date": plan.onboarding,
        "regular_employee_start_date": regular,
    }
    people.create(tx, person, facts)
    job_datas.create(tx, plan.job_data_id, plan.id, plan.onboarding, first)
    if plan.contracts:
        terms = plan.contracts[0]
        body = contract(plan, terms, company_id, signing_type="new")
        contracts.sign(tx, plan.id, terms.start, body, ("onboarding", plan.id))
    on_probation = plan.probation or (plan.onboarding, later(regular, -1))
    if on_probation[1] >= today:
        start, end = on_probation
        body = {"probation_start_date": start, "probation_end_date": end}
        probation.create(tx, plan.id, plan.onboarding, body)


def job_data(org: Organisation, plan: Plan) -> dict[str, Any]:
    """A person's first job data, every field set but the lines that lead nowhere."""
    plain, rank = org.plain, _rank(plan)
    kind = plan.place % 3
    return {
        "assignment_start_reason": "onboarding",
        "department_id": plan.department_id,
        people.DIRECT_MANAGER: plan.manager.id if plan.manager else None,
        people.DOTTED_MANAGER: plan.dotted.id if plan.dotted else None,
        "work_location_id": plain["locations"][plan.place],
        "social_security_city_id": plain["locations"][plan.place],
        "job_id": plain["jobs"][kind],
        "job_family_id": plain["job_families"][kind],
        "job_level_id": plain["job_levels"][rank],
        "job_grade_id": plain["job_grades"][rank],
        "pathway_id": org.pathways[0],
        "position_id": plain["positions"][kind],
        "employee_type_id": plain["employee_types"][0],
        "employee_subtype_id": org.subtypes["Regular"][0],
        "working_hours_type_id": plain["working_hours_types"][0],
        "working_calendar_id": org.calendar,
        "weekly_working_hours": "40",
        "work_shift": "non_work_shift",
        "compensation_type": "salary",
        "cost_center_rates": [{"cost_center_id": plain["cost_centers"][kind], "rate": 100}],
        "service_company_id": plain["companies"][0],
        **plan.job_data,
    }


def contract(plan: Plan, terms: Terms, company_id: str, *, signing_type: str) -> dict[str, Any]:
    """What a contract says; `actual_end_date` only where it was closed."""
    body = {
        "company_id": company_id,
        "contract_number": f"C{plan.user_id[-4:]}{terms.start.replace('-', '')}",
        "contract_type": "labor_contract",
        "duration_type": "fixed_term" if terms.end else "open_ended",
        "signing_type": signing_type,
        "contract_start_date": terms.start,
        "contract_end_date": terms.end,
    }
    return {**body, "actual_end_date": terms.actual_end} if terms.actual_end else body


def asked(
    employment_id: str,
    transfer_type: str,
    effective_date: IsoDate,
    targets: dict[str, Any],
    flow_id: str | None = None,
    initiator_id: str | None = None,
) -> CreateJobChange:
    """A job change as an app would ask for it: with approval when a flow is named."""
    return CreateJobChange(
        mode=2 if flow_id else MODE_DIRECT,
        employment_id=employment_id,
        transfer_type=transfer_type,
        effective_date=effective_date,
        flow_id=flow_id,
        targets=targets,
        originals={},
        remark=None,
        offer_info=None,
        dotted_manager_clean=None,
        probation_exist=None,
        transfer_key=None,
        initiator_id=initiator_id,
    )


def _rank(plan: Plan) -> int:
    """Which of the levels and grades somebody starts at: the higher in the line, the higher; one is kept free."""
    return max(0, 5 - (plan.level + 1) // 2)


def _in_parts(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), AT_ONCE):
        yield things[start : start + AT_ONCE]
