"""The other measured operations: a request for every record, and the query that counts the changed records."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.bodies import http_post
from bench.company import OFFBOARDING_DATES, BenchData

_EXPLANATION = "与员工确认后调整了离职日期"


@dataclass(frozen=True)
class Operation:
    """`build_body` returns the body for a record of a `kind`; `done_condition`, in SQL, selects the changed records."""

    name: str
    path: str
    kind: str
    done_condition: str
    build_body: Callable[[BenchData, str], dict[str, Any]]

    @property
    def count_query(self) -> str:
        return f"SELECT count(*) FROM {self.kind} WHERE {self.done_condition}"

    def messages(self, bench_data: BenchData, token: str, ids: Sequence[str]) -> Iterator[bytes]:
        """Yield encoded HTTP requests, one for every record."""
        for id in ids:
            yield http_post(self.path, msgspec.json.encode(self.build_body(bench_data, id)), token)


def _operator_id(bench_data: BenchData) -> str:
    return str(bench_data.named_records["employments"]["process_admin"]["id"])


def _edit(bench_data: BenchData, id: str) -> dict[str, Any]:
    """Edit the offboarding date, which has more rules than any other field and changes the employment's end date."""
    new_values = {"reason_explanation": _EXPLANATION, "offboarding_date": OFFBOARDING_DATES.edited}
    update_data = [{"field_name": name, "value": value} for name, value in new_values.items()]
    return {"offboarding_id": id, "operator_id": _operator_id(bench_data), "update_data": update_data}


def _revoke(bench_data: BenchData, id: str) -> dict[str, Any]:
    return {"offboarding_id": id, "operator_id": _operator_id(bench_data)}


def _withdraw(bench_data: BenchData, id: str) -> dict[str, Any]:
    return {"pre_hire_id": id, "withdraw_reason": "候选人接受了其他公司的邀请"}


OTHER_OPERATIONS = (
    Operation(
        "offboardings/edit",
        "/open-apis/corehr/v2/offboardings/edit",
        "offboarding",
        f"offboarding_date = '{OFFBOARDING_DATES.edited}' AND info LIKE '%{_EXPLANATION}%'",
        _edit,
    ),
    Operation(
        "offboardings/revoke",
        "/open-apis/corehr/v2/offboardings/revoke",
        "offboarding",
        "status = 'Withdrawn'",
        _revoke,
    ),
    Operation(
        "pre_hires/withdraw_onboarding",
        "/open-apis/corehr/v2/pre_hires/withdraw_onboarding",
        "pre_hire",
        "onboarding_status = 'withdrawn'",
        _withdraw,
    ),
)
