"""The facts of a demo company's named employments and departments."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from corehr.apps import opaque_ids
from corehr.demo.apps import APPS, DEFAULT_APP_ID
from corehr.demo.demo_build import NamedRecords
from corehr.engines import versions
from corehr.engines.timeline import Timeline, version_as_of
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.organization import departments
from corehr.hr.probation import records as probation
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

JOB_DATA_FACTS: Final[Mapping[str, str]] = {
    "direct_manager": employments.DIRECT_MANAGER,
    "dotted_manager": employments.DOTTED_MANAGER,
    "department": "department_id",
    "work_location": "work_location_id",
    "job": "job_id",
    "job_family": "job_family_id",
    "job_level": "job_level_id",
    "job_grade": "job_grade_id",
    "pathway": "pathway_id",
    "position": "position_id",
    "employee_type": "employee_type_id",
    "employee_subtype": "employee_subtype_id",
    "working_hours_type": "working_hours_type_id",
    "weekly_working_hours": "weekly_working_hours",
    "service_company": "service_company_id",
    "cost_center_rates": "cost_center_rates",
}
"""The facts about job data, and the field of each."""

CONTRACT_FIELDS: Final = ("company_id", "contract_number", "contract_start_date", "contract_end_date")


def employment_facts(tx: Tx, names: Mapping[str, str], today: IsoDate, server_key: str) -> Mapping[str, dict[str, Any]]:
    """Return the facts of employments, given by name: their ids of every type, job data, contract and probation.

    Job data are those of today, or of the first day when that is still to come.
    """
    employments_by_id = employments.get_many(tx, sorted(names.values()))
    contract_ids = {id: contracts.list_ids(tx, id) for id in employments_by_id}
    entity_ids = [
        *employments_by_id,
        *(employment.job_data_id for employment in employments_by_id.values()),
        *(contract_id for ids in contract_ids.values() for contract_id in ids),
    ]
    timelines = versions.timelines(tx, entity_ids)
    return {
        name: {
            **_ids(employments_by_id[id], server_key),
            **_employment(employments_by_id[id]),
            **_job_data(timelines.get((job_datas.KIND, employments_by_id[id].job_data_id), ()), today),
            **_contract(tx, contract_ids[id], today),
            **_probation(probation.with_starts(timelines.get((probation.KIND, id), ())), today),
        }
        for name, id in names.items()
    }


def add_department_facts(tx: Tx, named_records: NamedRecords, server_key: str) -> None:
    """Add department_id, open_department_id, parent_id and name to the facts of departments."""
    facts = named_records["departments"].values()
    own_ids = {row["id"]: row["department_id"] for row in departments.list_by_ids(tx, sorted({f["id"] for f in facts}))}
    for fact in facts:
        timeline = versions.timeline(tx, departments.DEPARTMENT.kind, fact["id"])
        fact["department_id"] = own_ids[fact["id"]]
        fact["open_department_id"] = opaque_ids.encode_open_department_id(server_key, fact["id"])
        fact["parent_id"] = timeline[-1].body["parent_id"]
        fact["name"] = timeline[-1].body["name"]


def _ids(employment: employments.Employment, server_key: str) -> dict[str, Any]:
    open_ids = {app_id: opaque_ids.encode_open_id(server_key, app_id, employment.id) for app_id in APPS}
    return {
        "id": employment.id,
        "open_id": open_ids[DEFAULT_APP_ID],
        "open_ids": open_ids,
        "union_id": opaque_ids.encode_union_id(server_key, employment.id),
        "user_id": employment.user_id,
        "people_admin_id": employment.people_admin_id,
        "job_data_id": employment.job_data_id,
    }


def _employment(employment: employments.Employment) -> dict[str, Any]:
    return {"name": employment.name, "onboarding_date": employment.onboarding_date, "end_date": employment.end_date}


def _job_data(timeline: Timeline, today: IsoDate) -> dict[str, Any]:
    body = (version_as_of(timeline, today) or timeline[0]).body
    return {fact_name: body.get(field) for fact_name, field in JOB_DATA_FACTS.items()}


def _contract(tx: Tx, ids: Sequence[str], today: IsoDate) -> dict[str, Any]:
    """Return the facts of the contract in force today, else of the first one; empty when there is no contract."""
    found = contracts.contract_in_force(tx, ids, today)
    if found is None:
        timelines = versions.timelines(tx, ids)
        first_id = next((id for id in ids if timelines.get((contracts.KIND, id))), None)
        if first_id is None:
            return {}
        found = contracts.Contract(first_id, timelines[(contracts.KIND, first_id)][0].body)
    return {"contract_id": found.id, **{name: found.body.get(name) for name in CONTRACT_FIELDS}}


def _probation(timeline: Timeline, today: IsoDate) -> dict[str, Any]:
    version = version_as_of(timeline, today)
    return dict(version.body) if version else {}
