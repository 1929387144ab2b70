"""Companies, as records."""

from corehr.engines.entity import Entity

COMPANY = Entity("company")
