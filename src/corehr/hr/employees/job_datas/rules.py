"""The rules of POST /open-apis/corehr/v2/employees/job_datas/query, in the order in which they are checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corehr.apps.scopes import DataRange
from corehr.engines.rulebook import Rule, Rulebook, Unreachable
from corehr.hr.violations import employment_is_outside_data_range
from corehr.kernel.clock import is_iso_date
from corehr.kernel.db import Tx
from corehr.kernel.errors import GatewayReason

DATE_FIELDS = ("data_date", "effective_date_start", "effective_date_end")


@dataclass(frozen=True)
class QueryCase:
    """A query of job data; `body` has CoreHR employment ids, its other values are unchecked."""

    tx: Tx
    body: Mapping[str, Any]
    page_token_is_valid: bool
    data_range: DataRange

    @property
    def employment_ids(self) -> Sequence[str]:
        """The ids of the requested employments; empty when all are requested."""
        return self.body.get("employment_ids") or ()


def date_is_malformed(c: QueryCase) -> bool:
    values = [value for name in DATE_FIELDS if (value := c.body.get(name)) not in (None, "")]
    return any(not isinstance(value, str) or not is_iso_date(value) for value in values)


def effective_date_range_is_reversed(c: QueryCase) -> bool:
    start, end = c.body.get("effective_date_start"), c.body.get("effective_date_end")
    return bool(start and end and start > end)


def page_token_is_unknown(c: QueryCase) -> bool:
    return not c.page_token_is_valid


QUERY: Rulebook[QueryCase] = Rulebook(
    "v2.employees-job_data.query",
    [
        Rule(1160013, date_is_malformed, "a date is not `YYYY-MM-DD`", "doc"),
        Rule(1160013, effective_date_range_is_reversed, "the range of effective dates ends before it starts"),
        Rule(1160013, page_token_is_unknown, "`page_token` is not one that this operation returned"),
        Rule(
            1160023, employment_is_outside_data_range, "a requested employment is outside the app's data range", "doc"
        ),
        Rule(1160018, Unreachable("a token always names its app and its tenant"), "the token names no app", "doc"),
        Rule(1160999, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
        Rule(1160997, Unreachable("there is no metadata service to call"), "another service failed", "doc"),
        Rule(1160998, Unreachable("there is no vault service to call"), "another service failed", "doc"),
    ],
)
