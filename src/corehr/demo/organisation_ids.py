"""The ids of a demo company's organisation, by what they are used for."""

from dataclasses import dataclass, field


@dataclass
class OrganisationIds:
    """Ids of the records that people are assigned to: `by_kind`, and departments by their level in the tree."""

    by_kind: dict[str, list[str]] = field(default_factory=dict)
    subtypes: dict[str, list[str]] = field(default_factory=dict)
    pathways: list[str] = field(default_factory=list)
    calendar: str = ""
    root: str = ""
    divisions: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    parent: dict[str, str] = field(default_factory=dict)
