"""Records of companies."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

COMPANY = Entity("company")
FEATURE = Feature("companies", record_views={"companies": view_entity(COMPANY)})
