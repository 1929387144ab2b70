"""The features of the chapter, by resource."""

from typing import Final

from corehr.engines.feature import Feature
from corehr.hr.organization import companies, cost_centers, departments, locations

FEATURES: Final[tuple[Feature, ...]] = (companies.FEATURE, cost_centers.FEATURE, departments.FEATURE, locations.FEATURE)
