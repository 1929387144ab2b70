"""Records of employee types; a body lists the `subtype_ids` that belong to it."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

EMPLOYEE_TYPE = Entity("employee_type")
FEATURE = Feature("employee_types", record_views={"employee_types": view_entity(EMPLOYEE_TYPE)})
