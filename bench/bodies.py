"""The measured request: every field the page of "create job change" shows, true of the person it is about."""

from collections.abc import Iterator
from typing import Any

import msgspec

from bench.company import EFFECTIVE, Staff, days_later
from corehr.gateway.opaque_ids import encode_open_id
from corehr.hr.job_changes.api import WIRE_TO_FIELD
from corehr.hr.job_changes.records import EMPLOYMENT_FIELDS

APP, SECRET = "cli_a000000000000001", "demo-secret-all"
PATH = "/open-apis/corehr/v1/job_changes"
_OFF_THE_PAGE = ("social_security_city", "pathway")
_WIRE = {wire: ours for wire, ours in WIRE_TO_FIELD.items() if wire not in _OFF_THE_PAGE}


def messages(staff: Staff, token: str, each: int, run: str) -> Iterator[bytes]:
    """HTTP requests, ready to send: `each` for every subject, round robin; `run` keeps their keys apart."""
    for turn in range(each):
        for at in range(len(staff.subjects)):
            body = _body(staff, at, f"{run}-{turn}-{at}")
            yield http(PATH, msgspec.json.encode(body), token)


def http(path: str, body: bytes, token: str) -> bytes:
    """A POST as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _body(staff: Staff, at: int, key: str) -> dict[str, Any]:
    subject = staff.subjects[at]
    targets = _targets(staff, at)
    info: dict[str, Any] = {
        "remark": "异动详情",
        "offer_info": "offer info",
        # with true the dotted line would be cut, and its rules have nothing to do
        "target_dotted_manager_clean": False,
        "probation_exist": False,
    }
    for wire, ours in _WIRE.items():
        info[f"original_{wire}"] = subject.current[ours]
        info[f"target_{wire}"] = targets[ours]
    for side, values in (("original", subject.current), ("target", targets)):
        info[f"{side}_employment_change"] = {field: values[field] for field in sorted(EMPLOYMENT_FIELDS)}
    return {
        "transfer_mode": 2,
        "employment_id": encode_open_id(staff.server_key, APP, subject.id),
        "transfer_type_unique_identifier": "internal_transfer",
        "flow_id": staff.world["transfer_types"]["internal_transfer"]["flow_id"],
        "effective_date": EFFECTIVE,
        "transfer_info": info,
        "transfer_key": key,
        "initiator_id": staff.world["employments"]["process_admin"]["open_id"],
    }


def _targets(staff: Staff, at: int) -> dict[str, Any]:
    """Department and managers of colleagues elsewhere; of everything else the one that the person does not have."""
    names, subjects, current = staff.world, staff.subjects, staff.subjects[at].current
    which = ("active", "other")[at % 2]

    def named(kind: str, name: str = which) -> str:
        return str(names[kind][name]["id"])

    far = len(subjects) // 3
    colleague, another = (subjects[(at + step) % len(subjects)].current for step in (far, 2 * far))
    return {
        "department_id": colleague["department_id"],
        "work_location_id": named("locations", ("work_city", "work_city_2")[at % 2]),
        "direct_manager_id": colleague["direct_manager_id"],
        "dotted_manager_id": another["direct_manager_id"],
        "job_id": named("jobs"),
        "job_family_id": named("job_families"),
        "job_level_id": named("job_levels"),
        "job_grade_id": named("job_grades"),
        "employee_type_id": named("employee_types"),
        "employee_subtype_id": names["employee_types"][which]["subtype_ids"][0],
        "company_id": named("companies"),
        "service_company_id": named("companies"),
        "position_id": named("positions"),
        "working_hours_type_id": named("working_hours_types"),
        "working_calendar_id": "6969087376740236087",
        "weekly_working_hours": "36",
        "work_shift": "work_shift",
        "compensation_type": "hourly",
        "cost_center_rates": [{"cost_center_id": named("cost_centers", ("leaf", "leaf_2")[at % 2]), "rate": 100}],
        "contract_number": f"B{at}",
        "contract_type": "labor_contract",
        "duration_type": "fixed_term",
        "signing_type": "renewed",
        "contract_start_date": current["contract_start_date"],
        "contract_end_date": days_later(max(current["contract_end_date"], EFFECTIVE), 365),
        "probation_end_date": days_later(EFFECTIVE, 90),
        "regular_employee_start_date": days_later(EFFECTIVE, 91),
        "seniority_date": "2016-01-01",
        "employee_number": f"M{at}",
        "custom_fields": [{"custom_api_name": "name", "value": "232"}],
    }
