"""Positions, as records."""

from corehr.engines.entity import Entity

POSITION = Entity("position")
