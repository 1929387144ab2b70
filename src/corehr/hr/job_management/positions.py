"""Records of positions."""

from corehr.engines.entity import Entity

POSITION = Entity("position")
