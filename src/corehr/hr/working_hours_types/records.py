"""Working-hours types, as records."""

from corehr.engines.entity import Entity

WORKING_HOURS_TYPE = Entity("working_hours_type")
