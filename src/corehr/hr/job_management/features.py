"""The features of the chapter, by resource."""

from typing import Final

from corehr.engines.feature import Feature
from corehr.hr.job_management import job_families, job_grades, job_levels, jobs, positions

FEATURES: Final[tuple[Feature, ...]] = (
    job_families.FEATURE,
    job_grades.FEATURE,
    job_levels.FEATURE,
    jobs.FEATURE,
    positions.FEATURE,
)
