"""The employments of a demo company: hirings, contract renewals and promotions, quarter by quarter."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from corehr.apps.scopes import DataRange
from corehr.demo.dates import DemoDates, add_days, add_months
from corehr.demo.demo_build import DemoBuild
from corehr.demo.organisation_ids import OrganisationIds
from corehr.demo.plans import ContractTerms, PersonSeed
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import commands as job_changes
from corehr.hr.job_changes.records import MODE_DIRECT
from corehr.hr.job_changes.rules.request import CreateJobChange
from corehr.hr.probation import records as probation
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

T = TypeVar("T")

BATCH_SIZE: Final = 500
"""The most people in one command."""

HIRED_DAYS_BEFORE_QUARTER: Final = 14
"""Days before a quarter begins on which the employments that start in it are created."""

PROBATION_MONTHS: Final = 6
ALL_EMPLOYEES: Final = DataRange(everyone=True)


class PeopleSeed:
    """Schedules the commands that hire, renew and promote planned people."""

    def __init__(self, build: DemoBuild, organisation: OrganisationIds) -> None:
        self._build, self._organisation = build, organisation

    @property
    def _dates(self) -> DemoDates:
        return self._build.dates

    def schedule(self, plans: Sequence[PersonSeed]) -> None:
        """Schedule hirings some days before their quarter, renewals and promotions on its first day."""
        quarters = self._dates.quarters
        hired: list[list[PersonSeed]] = [[] for _ in quarters]
        renewed: list[list[tuple[PersonSeed, ContractTerms]]] = [[] for _ in quarters]
        promoted: list[list[PersonSeed]] = [[] for _ in quarters]
        for plan in plans:
            quarter = self._dates.quarter_index(plan.onboarding)
            hired[-1 if quarter is None else quarter].append(plan)
            for terms in plan.contracts[1:]:
                quarter = self._dates.quarter_index(terms.start)
                renewed[-1 if quarter is None else quarter].append((plan, terms))
            if plan.promotion_quarter is not None:
                promoted[plan.promotion_quarter].append(plan)
        for first, to_hire, to_renew, to_promote in zip(quarters, hired, renewed, promoted, strict=True):
            hired_at = self._dates.at_nine(add_days(first, -HIRED_DAYS_BEFORE_QUARTER))
            for batch in _batches(to_hire):
                self._build.schedule(hired_at, partial(self._hire, batch))
            for renewals in _batches(to_renew):
                self._build.schedule(self._dates.at_nine(first), partial(self._renew, renewals))
            for batch in _batches(to_promote):
                self._build.schedule(self._dates.at_nine(first), partial(self._promote, batch, first))

    def _hire(self, plans: Sequence[PersonSeed], tx: Tx) -> None:
        for plan in plans:
            hire(tx, plan, job_data(self._organisation, plan), self._dates.today, self._company_id_of(plan))

    def _renew(self, renewals: Sequence[tuple[PersonSeed, ContractTerms]], tx: Tx) -> None:
        for plan, terms in renewals:
            body = contract_body(plan, terms, self._company_id_of(plan), signing_type="renewed")
            contracts.sign(tx, plan.id, terms.start, body, ("renewal", plan.id))

    def _promote(self, plans: Sequence[PersonSeed], day: IsoDate, tx: Tx) -> None:
        by_kind = self._organisation.by_kind
        for plan in plans:
            level_index = _level_index(plan) + 1
            targets = {
                "job_level_id": by_kind["job_levels"][level_index],
                "job_grade_id": by_kind["job_grades"][level_index],
            }
            job_changes.create(tx, job_change_request(plan.id, "promotion", day, targets), ALL_EMPLOYEES)

    def _company_id_of(self, plan: PersonSeed) -> str:
        return self._organisation.by_kind["companies"][plan.location_index % 2]


def hire(tx: Tx, plan: PersonSeed, job_data_body: dict[str, Any], today: IsoDate, company_id: str) -> None:
    """Create an employment with its job data, first contract and, unless it ended before `today`, probation.

    Sets `id` and `job_data_id` of the plan.
    """
    plan.id, plan.job_data_id = tx.new_id(), tx.new_id()
    employment = employments.Employment(
        tenant=tx.tenant,
        id=plan.id,
        user_id=plan.user_id,
        people_admin_id=tx.new_id(),
        name=plan.name,
        job_data_id=plan.job_data_id,
        onboarding_date=plan.onboarding,
        end_date=None,
    )
    regular_from = add_months(plan.onboarding, PROBATION_MONTHS)
    facts = {
        "employee_number": f"N{plan.user_id[-4:]}",
        "seniority_date": plan.onboarding,
        "regular_employee_start_date": regular_from,
    }
    employments.create(tx, employment, facts)
    job_datas.create(tx, plan.job_data_id, plan.id, plan.onboarding, job_data_body)
    if plan.contracts:
        terms = plan.contracts[0]
        body = contract_body(plan, terms, company_id, signing_type="new")
        contracts.sign(tx, plan.id, terms.start, body, ("onboarding", plan.id))
    probation_period = plan.probation or (plan.onboarding, add_days(regular_from, -1))
    if probation_period[1] >= today:
        start, end = probation_period
        body = {"probation_start_date": start, "probation_end_date": end}
        probation.create(tx, plan.id, plan.onboarding, body)


def job_data(org: OrganisationIds, plan: PersonSeed) -> dict[str, Any]:
    """Return the first job data of a person: every field is set, except a manager that does not exist."""
    by_kind, level_index = org.by_kind, _level_index(plan)
    job_index = plan.location_index % 3
    return {
        "assignment_start_reason": "onboarding",
        "department_id": plan.department_id,
        employments.DIRECT_MANAGER: plan.manager.id if plan.manager else None,
        employments.DOTTED_MANAGER: plan.dotted_manager.id if plan.dotted_manager else None,
        "work_location_id": by_kind["locations"][plan.location_index],
        "social_security_city_id": by_kind["locations"][plan.location_index],
        "job_id": by_kind["jobs"][job_index],
        "job_family_id": by_kind["job_families"][job_index],
        "job_level_id": by_kind["job_levels"][level_index],
        "job_grade_id": by_kind["job_grades"][level_index],
        "pathway_id": org.pathways[0],
        "position_id": by_kind["positions"][job_index],
        "employee_type_id": by_kind["employee_types"][0],
        "employee_subtype_id": org.subtypes["Regular"][0],
        "working_hours_type_id": by_kind["working_hours_types"][0],
        "working_calendar_id": org.calendar,
        "weekly_working_hours": "40",
        "work_shift": "non_work_shift",
        "compensation_type": "salary",
        "cost_center_rates": [{"cost_center_id": by_kind["cost_centers"][job_index], "rate": 100}],
        "service_company_id": by_kind["companies"][0],
        **plan.job_data,
    }


def contract_body(plan: PersonSeed, terms: ContractTerms, company_id: str, *, signing_type: str) -> dict[str, Any]:
    """Return the body of a contract, with `actual_end_date` only when it was closed."""
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


def job_change_request(
    employment_id: str,
    transfer_type: str,
    effective_date: IsoDate,
    targets: dict[str, Any],
    flow_id: str | None = None,
    initiator_id: str | None = None,
) -> CreateJobChange:
    """Return the command for a job change as an app sends it, with approval when `flow_id` is given."""
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
        app_id=None,
        transfer_key=None,
        initiator_id=initiator_id,
    )


def _level_index(plan: PersonSeed) -> int:
    """Return the index of the first level and grade, higher for people higher in the reporting line.

    The highest index is left for promotions.
    """
    return max(0, 5 - (plan.level + 1) // 2)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the items in order, at most `BATCH_SIZE` at a time."""
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
