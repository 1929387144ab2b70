"""Records of positions."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

POSITION = Entity("position")
FEATURE = Feature("positions", record_views={"positions": view_entity(POSITION)})
