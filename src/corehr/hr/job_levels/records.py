"""Job levels, as records; a body may list the `pathway_ids` it fits."""

from corehr.engines.entity import Entity

JOB_LEVEL = Entity("job_level")
