"""The rules of POST /open-apis/corehr/v2/pre_hires/withdraw_onboarding, in the order in which they are checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from corehr.apps.scopes import PreHireAccess
from corehr.engines.rulebook import Rule, Rulebook
from corehr.hr.pre_hires import records
from corehr.hr.pre_hires.records import FlowStatus, Status, TaskStatus
from corehr.hr.pre_hires.row import PreHire
from corehr.kernel.db import Row, Tx
from corehr.kernel.errors import GatewayReason
from corehr.kernel.ids import is_digits

MAX_REASON_CHARS: Final = 500

FINAL_STAGE_LABELS: Final = {Status.COMPLETED: "Completed", Status.WITHDRAWN: "Withdrawn"}
"""The names that the error message gives to the final stages."""

WITHDRAWABLE_FLOW_STATUSES: Final = frozenset({FlowStatus.IN_PROGRESS, FlowStatus.COMPLETED})
"""A COMPLETED flow is that of a pre-hire who is ready for the first day."""


@dataclass(frozen=True)
class WithdrawOnboarding:
    """A request to withdraw an onboarding; `pre_hire_id` and `reason` are unchecked and may be anything."""

    pre_hire_id: Any
    reason: Any
    app_id: str
    pre_hires: PreHireAccess


@dataclass(frozen=True)
class WithdrawCase:
    """One request to withdraw; `record_or_none` is None when there is no such pre-hire."""

    tx: Tx
    request: WithdrawOnboarding
    record_or_none: PreHire | None

    @property
    def pre_hire(self) -> PreHire:
        assert self.record_or_none is not None, "the rulebook checks the pre-hire first"
        return self.record_or_none

    @cached_property
    def tasks(self) -> Sequence[Row]:
        return records.list_tasks(self.tx, self.pre_hire.id)


def id_is_missing_or_malformed(c: WithdrawCase) -> bool:
    return not is_digits(c.request.pre_hire_id)


def reason_is_missing(c: WithdrawCase) -> bool:
    return not (isinstance(c.request.reason, str) and c.request.reason.strip())


def reason_is_too_long(c: WithdrawCase) -> bool:
    return len(c.request.reason) > MAX_REASON_CHARS


def pre_hires_are_not_accessible(c: WithdrawCase) -> bool:
    return c.request.pre_hires == "none"


def pre_hire_is_unknown(c: WithdrawCase) -> bool:
    return c.record_or_none is None or c.record_or_none.onboarding_status == Status.DELETED


def pre_hires_are_read_only(c: WithdrawCase) -> bool:
    return c.request.pre_hires == "read"


def is_already_final(c: WithdrawCase) -> Mapping[str, str] | None:
    stage = FINAL_STAGE_LABELS.get(Status(c.pre_hire.onboarding_status))
    return {"label": stage} if stage else None


def flow_cannot_be_withdrawn(c: WithdrawCase) -> bool:
    return c.pre_hire.flow_status not in WITHDRAWABLE_FLOW_STATUSES


def task_is_being_initiated(c: WithdrawCase) -> bool:
    return any(t["status"] == TaskStatus.INITIATING for t in c.tasks)


WITHDRAW: Rulebook[WithdrawCase] = Rulebook(
    "v2.pre_hire.withdraw_onboarding",
    [
        Rule(1161116, GatewayReason.CLAIMED, "another request about this pre-hire is running", "doc"),
        Rule(1161001, GatewayReason.MALFORMED, "a parameter does not have the documented shape", "doc"),
        Rule(1161001, id_is_missing_or_malformed, "`pre_hire_id` is missing, empty or not a string of digits"),
        Rule(1161001, reason_is_missing, "`withdraw_reason` is missing, blank or not text"),
        Rule(1161001, reason_is_too_long, "`withdraw_reason` has more than 500 Unicode characters", "doc"),
        Rule(1161105, pre_hires_are_not_accessible, "the app may not see pre-hires", "doc"),
        Rule(1161105, pre_hire_is_unknown, "there is no such pre-hire, or it was deleted", "doc"),
        Rule(1161097, pre_hires_are_read_only, "the app may see pre-hires, but not change them"),
        Rule(
            1161129, is_already_final, "onboarding is completed or withdrawn; `label` is the English name of the stage"
        ),
        Rule(1161094, flow_cannot_be_withdrawn, "the onboarding flow has not started, has broken or has expired"),
        Rule(1161094, task_is_being_initiated, "a task of the flow is being initiated"),
        Rule(
            1161604,
            GatewayReason.RATE_LIMITED,
            "raised by a sandbox fault only: too many calls are 99991400 here",
        ),
        Rule(
            1161204,
            GatewayReason.TIMED_OUT,
            "raised by a sandbox fault only: no other system is called",
        ),
        Rule(1161000, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
