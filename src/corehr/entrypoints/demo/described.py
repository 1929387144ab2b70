"""The facts that a demo company tells of its people and departments by name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.timeline import Timeline, version_as_of
from corehr.entrypoints.demo.apps import APPS, FIRST
from corehr.entrypoints.demo.company import World
from corehr.gateway import opaque_ids
from corehr.hr.contracts import records as contracts
from corehr.hr.departments import records as departments
from corehr.hr.employments import records as people
from corehr.hr.job_datas import records as job_datas
from corehr.hr.probation import records as probation
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

FIELDS: Final[Mapping[str, str]] = {
    "direct_manager": people.DIRECT_MANAGER,
    "dotted_manager": people.DOTTED_MANAGER,
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
"""What is told of a person's job data, and how records call it."""

OF_CONTRACT: Final = ("company_id", "contract_number", "contract_start_date", "contract_end_date")


def describe_people(tx: Tx, names: Mapping[str, str], today: IsoDate, server_key: str) -> Mapping[str, dict[str, Any]]:
    """Facts by name, of employments by name: ids of every kind, and what holds today, or on the first day to come."""
    persons = people.get_many(tx, sorted(names.values()))
    signed = {id: contracts.list_ids(tx, id) for id in persons}
    things = [*persons, *(p.job_data_id for p in persons.values()), *(c for ids in signed.values() for c in ids)]
    lives = versions.timelines(tx, things)
    return {
        name: {
            **_ids(persons[id], server_key),
            **_person(persons[id]),
            **_job_data(lives.get((job_datas.KIND, persons[id].job_data_id), ()), today),
            **_contract(lives, signed[id], today),
            **_probation(lives.get((probation.KIND, id), ()), today),
        }
        for name, id in names.items()
    }


def describe_departments(tx: Tx, world: World, server_key: str) -> None:
    """Adds their other ids and what they are below to the facts of departments."""
    facts = world["departments"].values()
    own = {row["id"]: row["department_id"] for row in departments.list_by_ids(tx, sorted({f["id"] for f in facts}))}
    for fact in facts:
        life = versions.timeline(tx, departments.DEPARTMENT.kind, fact["id"])
        fact["department_id"] = own[fact["id"]]
        fact["open_department_id"] = opaque_ids.encode_open_department_id(server_key, fact["id"])
        fact["parent_id"] = life[-1].body["parent_id"]
        fact["name"] = life[-1].body["name"]


def _ids(person: people.Employment, server_key: str) -> dict[str, Any]:
    open_ids = {app_id: opaque_ids.encode_open_id(server_key, app_id, person.id) for app_id in APPS}
    return {
        "id": person.id,
        "open_id": open_ids[FIRST],
        "open_ids": open_ids,
        "union_id": opaque_ids.encode_union_id(server_key, person.id),
        "user_id": person.user_id,
        "people_admin_id": person.people_admin_id,
        "job_data_id": person.job_data_id,
    }


def _person(person: people.Employment) -> dict[str, Any]:
    return {"name": person.name, "onboarding_date": person.onboarding_date, "end_date": person.end_date}


def _job_data(life: Timeline, today: IsoDate) -> dict[str, Any]:
    body = (version_as_of(life, today) or life[0]).body
    return {ours: body.get(theirs) for ours, theirs in FIELDS.items()}


def _contract(lives: Mapping[tuple[str, str], Timeline], ids: Sequence[str], today: IsoDate) -> dict[str, Any]:
    """The contract in force, else the first one there will be."""
    found = contracts.contract_in_force(lives, ids, today)
    if found is None:
        begun = next((id for id in ids if lives.get((contracts.KIND, id))), None)
        if begun is None:
            return {}
        life = lives[(contracts.KIND, begun)]
        found = contracts.Contract(begun, life[0].body, life)
    return {"contract_id": found.id, **{name: found.body.get(name) for name in OF_CONTRACT}}


def _probation(life: Timeline, today: IsoDate) -> dict[str, Any]:
    version = version_as_of(life, today)
    return dict(version.body) if version else {}
