"""The query of job data, and how the sandbox shows its records."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from corehr.apps.handlers import Call, JsonObject
from corehr.engines import versions
from corehr.engines.entity import encode_i18n
from corehr.engines.feature import Feature
from corehr.engines.timeline import Timeline, Version, version_as_of
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import recipes, records, rules
from corehr.hr.probation import records as probation
from corehr.kernel.clock import LAST_DAY, IsoDate, local_date
from corehr.kernel.db import Tx
from corehr.kernel.ids import is_digits

MIN_DATE: Final[IsoDate] = "1900-01-01"

PLAIN_FIELDS: Final = (
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
ENUM_FIELDS: Final = ("assignment_start_reason", "work_shift", "compensation_type", "job_data_reason")

ENUM_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "onboarding": ("入职", "Onboarding"),
    "job_change": ("异动", "Job change"),
    "offboarding": ("离职", "Offboarding"),
    "conversion_after_probation_period": ("转正", "Probation conversion"),
    "organization_adjustment": ("组织调整", "Organisation adjustment"),
    "work_shift": ("排班", "Shift work"),
    "non_work_shift": ("不排班", "No shift work"),
    "salary": ("月薪", "Salary"),
    "hourly": ("时薪", "Hourly"),
    "daily": ("日薪", "Daily"),
}
"""The Chinese and English display names of enum values; any other value is displayed as it is."""


def query(tx: Tx, call: Call) -> JsonObject:
    """Handle POST v2/employees/job_datas/query: job data in force on a day, or every version, by employment.

    Without `data_date` the day is today where each employment works, so that what has just taken effect is returned.
    Pages are in order of employment id; `page_token` is the last employment id of the page before.
    """
    token = call.query.get("page_token") or "0"
    body = call.body
    case = rules.QueryCase(tx, body, is_digits(token), call.data_range)
    rules.QUERY.check(case)
    size = int(call.query["page_size"])
    items, last_id = _collect_page(tx, call, token, size)
    data: JsonObject = {"items": items, "has_more": last_id is not None}
    if last_id is not None:
        data["page_token"] = last_id
    return data


def _collect_page(tx: Tx, call: Call, after_id: str, size: int) -> tuple[list[JsonObject], str | None]:
    """Return a page of employments with matching job data, and its last id when there may be more, else None."""
    items: list[JsonObject] = []
    while True:
        ids = _candidate_ids(tx, call, after_id, size + 1)
        data_date = call.body.get("data_date")
        days = dict.fromkeys(ids, data_date) if data_date else records.days_at(tx, ids, tx.now)
        days_in_range = {id: day for id, day in days.items() if records.is_in_data_range(tx, call.data_range, id, day)}
        page_items = _items(tx, call, days_in_range)
        items.extend(page_items)
        if len(items) > size:
            return items[:size], items[size - 1]["employment_id"]
        if len(ids) <= size:
            return items, None
        after_id = ids[-1]


def _candidate_ids(tx: Tx, call: Call, after_id: str, limit: int) -> Sequence[str]:
    """Return at most `limit` ids above `after_id`, in order; all whose job data match are among them, others may be."""
    employment_ids = call.body.get("employment_ids")
    if employment_ids:
        return sorted(id for id in set(employment_ids) if id > after_id)[:limit]
    if call.body.get("get_all_version"):
        since, until = MIN_DATE, LAST_DAY
    elif data_date := call.body.get("data_date"):
        since, until = data_date, data_date
    else:  # it is no other day than these anywhere
        since, until = (local_date(tx.now + timedelta(days=days), "UTC") for days in (-1, 1))
    return records.list_employment_ids(tx, call.body.get("department_id"), since, until, after_id, limit)


def _items(tx: Tx, call: Call, days: Mapping[str, IsoDate]) -> list[JsonObject]:
    """Return those of the employments that have matching job data, each as of its day, with it, in order of id."""
    employment_by_id = employments.get_many(tx, list(days))
    timelines = versions.timelines(tx, [*(p.job_data_id for p in employment_by_id.values()), *employment_by_id])
    versions_by_id = {
        id: _select_versions(call.body, timelines.get((records.KIND, p.job_data_id), ()), days[id])
        for id, p in employment_by_id.items()
    }
    probations = {id: probation.with_starts(timelines.get((probation.KIND, id), ())) for id in versions_by_id}
    managers = employments.get_many(
        tx,
        sorted(
            {
                v.body[line]
                for vs in versions_by_id.values()
                for v in vs
                for line in employments.REPORTING_LINES
                if v.body.get(line)
            }
        ),
    )
    return [
        {
            "employment_id": id,
            "job_datas": [_job_data(employment_by_id[id], v, probations[id], managers) for v in versions_by_id[id]],
        }
        for id in sorted(versions_by_id)
        if versions_by_id[id]
    ]


def _select_versions(body: Mapping[str, Any], timeline: Timeline, day: IsoDate) -> Sequence[Version]:
    if body.get("primary_job_data") is False:
        return ()
    current = version_as_of(timeline, day)
    found = list(timeline) if body.get("get_all_version") else ([current] if current else [])
    if department := body.get("department_id"):
        current_department = current.body.get("department_id") if current else None
        found = found if current_department == department else []
    if start := body.get("effective_date_start"):
        found = [v for v in found if v.valid_from >= start]
    if end := body.get("effective_date_end"):
        found = [v for v in found if v.valid_from <= end]
    if reasons := body.get("assignment_start_reasons"):
        found = [v for v in found if v.body.get("assignment_start_reason") in reasons]
    return found


def _job_data(
    employment: employments.Employment,
    version: Version,
    probation_timeline: Timeline,
    managers: Mapping[str, employments.Employment],
) -> JsonObject:
    body = version.body
    data: JsonObject = {
        "job_data_id": employment.job_data_id,
        "version_id": version.id,
        "employment_id": employment.id,
        "primary_job_data": True,
        "effective_time": f"{version.valid_from} 00:00:00",
        "expiration_time": f"{min(version.valid_to, LAST_DAY)} 00:00:00",
    }
    data.update((name, body[name]) for name in PLAIN_FIELDS if body.get(name))
    data.update((name, _enum(body[name])) for name in ENUM_FIELDS if body.get(name))
    if service := body.get("service_company_id"):
        data["service_company"] = service
    if hours := body.get("weekly_working_hours"):
        data["weekly_working_hours_v2"] = float(hours)
        data["weekly_working_hours"] = int(float(hours))
    if rates := body.get("cost_center_rates"):
        data["cost_center_rates"] = [{**r, "new_rate": float(r["rate"])} for r in rates]
    if manager := managers.get(body.get(employments.DIRECT_MANAGER) or ""):
        data["direct_manager"] = _manager(manager)
    if dotted := managers.get(body.get(employments.DOTTED_MANAGER) or ""):
        data["dotted_line_managers"] = [_manager(dotted)]
    data.update(_probation(version_as_of(probation_timeline, version.valid_from)))
    return data


def _probation(version: Version | None) -> JsonObject:
    body = version.body if version else {}
    wire_names = {"probation_start_date": "probation_start_date", "probation_end_date": "probation_expected_end_date"}
    return {wire_name: body[name] for name, wire_name in wire_names.items() if body.get(name)}


def _manager(manager: employments.Employment) -> JsonObject:
    return {"job_data_id": manager.job_data_id, "employment_id": manager.id}


def _enum(name: str) -> JsonObject:
    zh, en = ENUM_NAMES.get(name, (name, name))
    return {"enum_name": name, "display": encode_i18n({"zh-CN": zh, "en-US": en})}


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return job data by its id, or None."""
    return versions.to_record(versions.timeline_known_at(tx, records.KIND, id, known_at), as_of)


FEATURE = Feature(
    "job_datas",
    queries={"v2.employees-job_data.query": query},
    rulebooks=(rules.QUERY,),
    record_views={"job_datas": view_record},
    recipes=recipes.RECIPES,
    events=records.EVENTS_BY_PRIMITIVE,
)
