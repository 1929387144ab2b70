"""Records of companies."""

from corehr.engines.entity import Entity

COMPANY = Entity("company")
