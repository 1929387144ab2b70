"""Records of jobs; a body may list the `job_family_ids` and `job_level_ids` it allows."""

from collections.abc import Mapping
from typing import Any

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

JOB = Entity("job")


def allows(body: Mapping[str, Any], field: str, id: str) -> bool:
    """Return whether the job allows this family or level; `field` is `job_family_ids` or `job_level_ids`.

    An empty list allows all.
    """
    allowed = body.get(field) or ()
    return not allowed or id in allowed


FEATURE = Feature("jobs", record_views={"jobs": view_entity(JOB)})
