"""Job data on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.timeline import Timeline, Version, version_as_of
from corehr.hr.departments import records as departments
from corehr.hr.employments import records as people
from corehr.hr.job_datas import records, rules
from corehr.hr.probation import records as probation
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.feature import Call, Feature, JsonObject

EARLIEST: Final[IsoDate] = "1900-01-01"
LATEST: Final[IsoDate] = "9999-12-30"

PLAIN: Final = (
    "employee_type_id",
    "employee_subtype_id",
    "working_hours_type_id",
    "work_location_id",
    "department_id",
    "position_id",
    "job_id",
    "job_level_id",
    "job_grade_id",
    "job_family_id",
    "pathway_id",
)
ENUMS: Final = ("assignment_start_reason", "work_shift", "compensation_type", "job_data_reason")

REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "onboarding": ("入职", "Onboarding"),
    "job_change": ("异动", "Job change"),
    "offboarding": ("离职", "Offboarding"),
    "conversion_after_probation_period": ("转正", "Probation conversion"),
    "organization_adjustment": ("组织调整", "Organisation adjustment"),
}
"""What enum values are called in Chinese and in English; others go by their own name."""


def query(tx: Tx, call: Call) -> JsonObject:
    """POST v2/employees/job_datas/query: job data in force on a day, or every version, person by person.

    Paged by employment id: `page_token` is the last one given.
    """
    today = tenants.today(tx)
    token = call.query.get("page_token") or "0"
    body = call.body
    case = rules.QueryCase(tx, body, token.isascii() and token.isdecimal(), call.data_range, today)
    rules.QUERY.check(case)
    size = int(call.query["page_size"])
    items, beyond = _collect(tx, call, body.get("data_date") or today, token, size)
    answer: JsonObject = {"items": items, "has_more": beyond is not None}
    if beyond is not None:
        answer["page_token"] = beyond
    return answer


def _collect(tx: Tx, call: Call, day: IsoDate, beyond: str, size: int) -> tuple[list[JsonObject], str | None]:
    """A page of people who have something to show, and the last of them when there may be more."""
    items: list[JsonObject] = []
    while True:
        ids = _candidates(tx, call, day, beyond, size + 1)
        shown = _items(tx, call, day, [id for id in ids if _in_range(tx, call, id, day)])
        items.extend(shown)
        if len(items) > size:
            return items[:size], items[size - 1]["employment_id"]
        if len(ids) <= size:
            return items, None
        beyond = ids[-1]


def _candidates(tx: Tx, call: Call, day: IsoDate, beyond: str, limit: int) -> Sequence[str]:
    wanted = call.body.get("employment_ids")
    if wanted:
        return sorted(id for id in set(wanted) if id > beyond)[:limit]
    since, until = (EARLIEST, LATEST) if call.body.get("get_all_version") else (day, day)
    return records.people_with_job_data(tx, call.body.get("department_id"), since, until, beyond, limit)


def _in_range(tx: Tx, call: Call, employment_id: str, day: IsoDate) -> bool:
    if call.data_range.everyone:
        return True
    return departments.is_in_data_range(tx, call.data_range, records.department_on(tx, employment_id, day), day)


def _items(tx: Tx, call: Call, day: IsoDate, ids: Sequence[str]) -> list[JsonObject]:
    """The people among `ids` who have job data that was asked for, with it."""
    persons = people.get_many(tx, ids)
    lives = versions.timelines(tx, [*(p.job_data_id for p in persons.values()), *persons])
    shown = {id: _asked_for(call.body, lives.get((records.KIND, p.job_data_id), ()), day) for id, p in persons.items()}
    managers = people.get_many(
        tx,
        sorted(
            {v.body[line] for vs in shown.values() for v in vs for line in people.REPORTING_LINES if v.body.get(line)}
        ),
    )
    return [
        {
            "employment_id": id,
            "job_datas": [_job_data(persons[id], v, lives.get((probation.KIND, id), ()), managers) for v in shown[id]],
        }
        for id in sorted(shown)
        if shown[id]
    ]


def _asked_for(body: Mapping[str, Any], life: Timeline, day: IsoDate) -> Sequence[Version]:
    if body.get("primary_job_data") is False:
        return ()
    one = version_as_of(life, day)
    found = list(life) if body.get("get_all_version") else ([one] if one else [])
    if department := body.get("department_id"):
        present = one.body.get("department_id") if one else None
        found = found if present == department else []
    if start := body.get("effective_date_start"):
        found = [v for v in found if v.valid_from >= start]
    if end := body.get("effective_date_end"):
        found = [v for v in found if v.valid_from <= end]
    if reasons := body.get("assignment_start_reasons"):
        found = [v for v in found if v.body.get("assignment_start_reason") in reasons]
    return found


def _job_data(
    person: people.Employment, version: Version, on_probation: Timeline, managers: Mapping[str, people.Employment]
) -> JsonObject:
    body = version.body
    answer: JsonObject = {
        "job_data_id": person.job_data_id,
        "version_id": version.id,
        "employment_id": person.id,
        "primary_job_data": True,
        "effective_time": f"{version.valid_from} 00:00:00",
        "expiration_time": f"{version.valid_to} 00:00:00",
    }
    answer.update((name, body[name]) for name in PLAIN if body.get(name))
    answer.update((name, _enum(body[name])) for name in ENUMS if body.get(name))
    if service := body.get("service_company_id"):
        answer["service_company"] = service
    if hours := body.get("weekly_working_hours"):
        answer["weekly_working_hours_v2"] = float(hours)
        answer["weekly_working_hours"] = int(float(hours))
    if rates := body.get("cost_center_rates"):
        answer["cost_center_rates"] = [{**r, "new_rate": float(r["rate"])} for r in rates]
    if manager := managers.get(body.get(people.DIRECT_MANAGER) or ""):
        answer["direct_manager"] = _manager(manager)
    if dotted := managers.get(body.get(people.DOTTED_MANAGER) or ""):
        answer["dotted_line_managers"] = [_manager(dotted)]
    answer.update(_probation(version_as_of(on_probation, version.valid_from)))
    return answer


def _probation(version: Version | None) -> JsonObject:
    body = version.body if version else {}
    wire = {"probation_start_date": "probation_start_date", "probation_end_date": "probation_expected_end_date"}
    return {theirs: body[ours] for ours, theirs in wire.items() if body.get(ours)}


def _manager(it: people.Employment) -> JsonObject:
    return {"job_data_id": it.job_data_id, "employment_id": it.id}


def _enum(name: str) -> JsonObject:
    zh, en = REASONS.get(name, (name, name))
    return {"enum_name": name, "display": [{"lang": "zh-CN", "value": zh}, {"lang": "en-US", "value": en}]}


def show(tx: Tx, id: str, on: IsoDate, known: str) -> JsonObject | None:
    """One person's job data: `id` is the job data's own."""
    return versions.to_record(versions.timeline_known_at(tx, records.KIND, id, known), on)


FEATURE = Feature(
    "job_datas",
    queries={"v2.employees-job_data.query": query},
    rulebooks=(rules.QUERY,),
    record_views={"job_datas": show},
)
