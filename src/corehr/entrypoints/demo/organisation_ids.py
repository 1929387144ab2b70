"""Where people of a demo company can be put: what the founding made, by what it is for."""

from dataclasses import dataclass, field


@dataclass
class OrganisationIds:
    """Ids of what people are assigned to: `plain` by kind; departments by how deep they stand in the tree."""

    by_kind: dict[str, list[str]] = field(default_factory=dict)
    subtypes: dict[str, list[str]] = field(default_factory=dict)
    pathways: list[str] = field(default_factory=list)
    calendar: str = ""
    root: str = ""
    divisions: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    parent: dict[str, str] = field(default_factory=dict)
