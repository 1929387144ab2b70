"""The features of the chapter, by resource."""

from typing import Final

from corehr.engines.feature import Feature
from corehr.hr.leave import work_calendars

FEATURES: Final[tuple[Feature, ...]] = (work_calendars.FEATURE,)
