"""The features of the chapter, by resource."""

from typing import Final

from corehr.engines.feature import Feature
from corehr.hr.basic_data import employee_types, working_hours_types

FEATURES: Final[tuple[Feature, ...]] = (employee_types.FEATURE, working_hours_types.FEATURE)
