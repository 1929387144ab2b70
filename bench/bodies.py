"""The measured request: every field on the page of "create job change", with values that fit its employee."""

from collections.abc import Iterator
from typing import Any

import msgspec

from bench.company import CUSTOM_FIELD, EFFECTIVE_DATE, BenchData, add_days
from corehr.apps.opaque_ids import encode_open_id
from corehr.hr.basic_data import custom_fields
from corehr.hr.job_changes.events import WIRE_TO_FIELD
from corehr.hr.job_changes.records import EMPLOYMENT_FIELDS

APP, SECRET = "cli_a000000000000001", "demo-secret-all"
PATH = "/open-apis/corehr/v1/job_changes"
_FIELDS_NOT_ON_PAGE = ("social_security_city", "pathway")
_PAGE_FIELDS = {wire: field for wire, field in WIRE_TO_FIELD.items() if wire not in _FIELDS_NOT_ON_PAGE}


def messages(bench_data: BenchData, token: str, run: str) -> Iterator[bytes]:
    """Yield an encoded HTTP request for every employee, who may have one unfinished approval at a time.

    `run` makes the keys of the requests unique.
    """
    for index in range(len(bench_data.employees)):
        yield http_post(PATH, msgspec.json.encode(_body(bench_data, index, f"{run}-{index}")), token)


def http_post(path: str, body: bytes, token: str) -> bytes:
    """Return an encoded HTTP POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _body(bench_data: BenchData, index: int, key: str) -> dict[str, Any]:
    employee = bench_data.employees[index]
    targets = _targets(bench_data, index)
    info: dict[str, Any] = {
        "remark": "异动详情",
        "offer_info": "offer info",
        # true would end the dotted line, and its rules would not be measured
        "target_dotted_manager_clean": False,
        "probation_exist": True,
    }
    for wire, field_name in _PAGE_FIELDS.items():
        info[f"original_{wire}"] = employee.current[field_name]
        info[f"target_{wire}"] = targets[field_name]
    for side, values in (("original", employee.current), ("target", targets)):
        info[f"{side}_employment_change"] = {
            **{field: values[field] for field in sorted(EMPLOYMENT_FIELDS)},
            "custom_fields": [{"custom_api_name": CUSTOM_FIELD, "value": values[custom_fields.key_of(CUSTOM_FIELD)]}],
        }
    return {
        "transfer_mode": 2,
        "employment_id": encode_open_id(bench_data.server_key, APP, employee.id),
        "transfer_type_unique_identifier": "internal_transfer",
        "flow_id": bench_data.named_records["transfer_types"]["internal_transfer"]["flow_id"],
        "effective_date": EFFECTIVE_DATE,
        "transfer_info": info,
        "transfer_key": key,
        "initiator_id": bench_data.named_records["employments"]["process_admin"]["open_id"],
    }


def _targets(bench_data: BenchData, index: int) -> dict[str, Any]:
    """Return department and managers of other employees; of every other kind, the record the employee does not have."""
    names, employees, current = bench_data.named_records, bench_data.employees, bench_data.employees[index].current
    variant_name = ("active", "other")[index % 2]

    def id_of(kind: str, name: str = variant_name) -> str:
        return str(names[kind][name]["id"])

    stride = len(employees) // 3
    colleague, another = (employees[(index + step) % len(employees)].current for step in (stride, 2 * stride))
    return {
        "department_id": colleague["department_id"],
        "work_location_id": id_of("locations", ("work_city", "work_city_2")[index % 2]),
        "direct_manager_id": colleague["direct_manager_id"],
        "dotted_manager_id": another["direct_manager_id"],
        "job_id": id_of("jobs"),
        "job_family_id": id_of("job_families"),
        "job_level_id": id_of("job_levels"),
        "job_grade_id": id_of("job_grades"),
        "employee_type_id": id_of("employee_types"),
        "employee_subtype_id": names["employee_types"][variant_name]["subtype_ids"][0],
        "company_id": id_of("companies"),
        "service_company_id": id_of("companies"),
        "position_id": id_of("positions"),
        "working_hours_type_id": id_of("working_hours_types"),
        "working_calendar_id": id_of("work_calendars", "other"),
        "weekly_working_hours": "36",
        "work_shift": "work_shift",
        "compensation_type": "hourly",
        "cost_center_rates": [{"cost_center_id": id_of("cost_centers", ("leaf", "leaf_2")[index % 2]), "rate": 100}],
        "contract_number": f"B{index}",
        "contract_type": "labor_contract",
        "duration_type": "fixed_term",
        "signing_type": "renewed",
        "contract_start_date": current["contract_start_date"],
        "contract_end_date": add_days(max(current["contract_end_date"], EFFECTIVE_DATE), 365),
        "probation_end_date": add_days(EFFECTIVE_DATE, 90),
        "regular_employee_start_date": add_days(EFFECTIVE_DATE, 91),
        "seniority_date": "2016-01-01",
        "employee_number": f"M{index}",
        custom_fields.key_of(CUSTOM_FIELD): "232",
    }
