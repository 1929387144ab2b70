"""The operations measured beside create job change: a request for every record, and how many records show it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.bodies import http
from bench.company import DAYS, Staff

_EXPLANATION = "与员工确认后调整了离职日期"


@dataclass(frozen=True)
class Operation:
    """`body` is about one record of a `kind`; `done` tells, in SQL, the records on which it was done."""

    name: str
    path: str
    kind: str
    done: str
    body: Callable[[Staff, str], dict[str, Any]]

    @property
    def count(self) -> str:
        return f"SELECT count(*) FROM {self.kind} WHERE {self.done}"

    def messages(self, staff: Staff, token: str, ids: Sequence[str]) -> Iterator[bytes]:
        """HTTP requests, ready to send: one for every record."""
        for id in ids:
            yield http(self.path, msgspec.json.encode(self.body(staff, id)), token)


def _operator(staff: Staff) -> str:
    return str(staff.world["employments"]["process_admin"]["id"])


def _edit(staff: Staff, id: str) -> dict[str, Any]:
    """The date is the last day: it has more rules than any other, and moves the end of the employment."""
    pairs = {"reason_explanation": _EXPLANATION, "offboarding_date": DAYS.moved}
    data = [{"field_name": name, "value": value} for name, value in pairs.items()]
    return {"offboarding_id": id, "operator_id": _operator(staff), "update_data": data}


def _revoke(staff: Staff, id: str) -> dict[str, Any]:
    return {"offboarding_id": id, "operator_id": _operator(staff)}


def _withdraw(staff: Staff, id: str) -> dict[str, Any]:
    return {"pre_hire_id": id, "withdraw_reason": "候选人接受了其他公司的邀请"}


BESIDE = (
    Operation(
        "offboardings/edit",
        "/open-apis/corehr/v2/offboardings/edit",
        "offboarding",
        f"offboarding_date = '{DAYS.moved}' AND info LIKE '%{_EXPLANATION}%'",
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
