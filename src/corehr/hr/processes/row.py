"""The row of a process."""

from corehr.kernel.db import Record


class Process(Record, frozen=True):
    """A process, field by field as its table holds it; `status` is a number of `ProcessStatus`.

    `properties` is NORMAL, REVOCATION or CORRECTION.
    """

    tenant: str
    id: str
    flow_id: str
    subject_kind: str
    subject_id: str
    employment_id: str
    initiator_id: str | None
    properties: int
    status: int
    created_at: str
    completed_at: str | None
