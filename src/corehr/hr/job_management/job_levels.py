"""Records of job levels; a body may list its `pathway_ids`."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

JOB_LEVEL = Entity("job_level")
FEATURE = Feature("job_levels", record_views={"job_levels": view_entity(JOB_LEVEL)})
