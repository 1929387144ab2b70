"""Records of employee types; a body lists the `subtype_ids` that belong to it."""

from corehr.engines.entity import Entity

EMPLOYEE_TYPE = Entity("employee_type")
