"""Job families, as records; a body may list the `pathway_ids` it fits and may not be `selectable`."""

from collections.abc import Mapping
from typing import Any

from corehr.engines.entity import Entity

JOB_FAMILY = Entity("job_family")


def share_pathway(family: Mapping[str, Any], level: Mapping[str, Any]) -> bool:
    """Do a family and a level lie on a common pathway? Where either names none, nothing keeps them apart."""
    family_pathways, level_pathways = family.get("pathway_ids") or (), level.get("pathway_ids") or ()
    return not family_pathways or not level_pathways or not set(family_pathways).isdisjoint(level_pathways)
