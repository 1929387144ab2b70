"""Records of job families; a body may list its `pathway_ids`, and `selectable` may be false."""

from collections.abc import Mapping
from typing import Any

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

JOB_FAMILY = Entity("job_family")


def share_pathway(family: Mapping[str, Any], level: Mapping[str, Any]) -> bool:
    """Return whether a family and a level have a pathway in common, or either lists none."""
    family_pathways, level_pathways = family.get("pathway_ids") or (), level.get("pathway_ids") or ()
    return not family_pathways or not level_pathways or not set(family_pathways).isdisjoint(level_pathways)


FEATURE = Feature("job_families", record_views={"job_families": view_entity(JOB_FAMILY)})
