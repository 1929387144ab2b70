"""The features of the chapter, by resource."""

from typing import Final

from corehr.engines.feature import Feature
from corehr.hr.employees.employments import api as employments
from corehr.hr.employees.job_datas import api as job_datas

FEATURES: Final[tuple[Feature, ...]] = (employments.FEATURE, job_datas.FEATURE)
