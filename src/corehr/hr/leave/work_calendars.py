"""Records of work calendars."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

WORK_CALENDAR = Entity("work_calendar")
FEATURE = Feature("work_calendars", record_views={"work_calendars": view_entity(WORK_CALENDAR)})
