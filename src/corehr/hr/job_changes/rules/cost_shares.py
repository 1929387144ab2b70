"""Violations of the cost centres of a job change and their shares."""

import re
from typing import Any

from corehr.engines.entity import EntityStatus, status_as_of
from corehr.hr.job_changes.rules.case import Case
from corehr.hr.organization import cost_centers
from corehr.kernel.ids import is_digits


def cost_centers_are_malformed(c: Case) -> bool:
    if "cost_center_rates" not in c.new_values:
        return False
    value = c.new_values["cost_center_rates"]
    return not isinstance(value, list) or not all(_is_share(share) for share in value)


def _is_share(share: Any) -> bool:
    if not isinstance(share, dict):
        return False
    id, rate = share.get("cost_center_id"), share.get("rate")
    return (id in (None, "") or is_digits(id)) and (rate is None or _is_numeric(rate))


def _is_numeric(rate: Any) -> bool:
    if isinstance(rate, str):
        return bool(re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", rate))
    return isinstance(rate, int | float) and not isinstance(rate, bool)


def share_is_incomplete(c: Case) -> bool:
    return any(not share.get("cost_center_id") or share.get("rate") is None for share in c.cost_center_shares)


def rate_is_not_an_integer_up_to_100(c: Case) -> bool:
    return any(type(share["rate"]) is not int or share["rate"] > 100 for share in c.cost_center_shares)


def rate_is_below_1(c: Case) -> bool:
    return any(share["rate"] < 1 for share in c.cost_center_shares)


def shares_repeat(c: Case) -> bool:
    return len(set(c.cost_center_ids)) < len(c.cost_center_ids)


def total_is_not_100(c: Case) -> bool:
    return bool(c.cost_center_shares) and sum(share["rate"] for share in c.cost_center_shares) != 100


def _has_cost_center_with_status(c: Case, status: EntityStatus) -> bool:
    kind = cost_centers.COST_CENTER.kind
    return any(status_as_of(c.timeline_of(kind, id), c.request.effective_date) is status for id in c.cost_center_ids)


def cost_center_is_unknown(c: Case) -> bool:
    return _has_cost_center_with_status(c, EntityStatus.MISSING)


def cost_center_has_children(c: Case) -> bool:
    ids = list(c.cost_center_ids)
    return bool(ids) and bool(cost_centers.with_active_children(c.tx, ids, c.request.effective_date))


def cost_center_is_not_in_force(c: Case) -> bool:
    return _has_cost_center_with_status(c, EntityStatus.INACTIVE)


def cost_center_is_disabled_later(c: Case) -> bool:
    return _has_cost_center_with_status(c, EntityStatus.DISABLED_LATER)
