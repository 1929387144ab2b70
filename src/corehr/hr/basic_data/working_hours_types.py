"""Records of working-hours types."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

WORKING_HOURS_TYPE = Entity("working_hours_type")
FEATURE = Feature("working_hours_types", record_views={"working_hours_types": view_entity(WORKING_HOURS_TYPE)})
