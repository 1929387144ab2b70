"""Records of job grades."""

from corehr.engines.entity import Entity

JOB_GRADE = Entity("job_grade")
