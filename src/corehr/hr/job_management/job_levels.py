"""Records of job levels; a body may list its `pathway_ids`."""

from corehr.engines.entity import Entity

JOB_LEVEL = Entity("job_level")
