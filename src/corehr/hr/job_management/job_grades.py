"""Records of job grades."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

JOB_GRADE = Entity("job_grade")
FEATURE = Feature("job_grades", record_views={"job_grades": view_entity(JOB_GRADE)})
