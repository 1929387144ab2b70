"""Records of working-hours types."""

from corehr.engines.entity import Entity

WORKING_HOURS_TYPE = Entity("working_hours_type")
