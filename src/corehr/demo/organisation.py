"""The organisation of a demo company: departments, locations, jobs and all else that people are assigned to."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.demo.dates import ABROAD_TIME_ZONE, AHEAD_TIME_ZONE, BEHIND_TIME_ZONE, TIME_ZONE
from corehr.demo.demo_build import DemoBuild
from corehr.demo.organisation_ids import OrganisationIds
from corehr.engines.entity import Entity
from corehr.hr.basic_data.employee_types import EMPLOYEE_TYPE
from corehr.hr.basic_data.working_hours_types import WORKING_HOURS_TYPE
from corehr.hr.job_management.job_families import JOB_FAMILY
from corehr.hr.job_management.job_grades import JOB_GRADE
from corehr.hr.job_management.job_levels import JOB_LEVEL
from corehr.hr.job_management.jobs import JOB
from corehr.hr.job_management.positions import POSITION
from corehr.hr.organization import cost_centers, departments, locations
from corehr.hr.organization.companies import COMPANY
from corehr.hr.organization.cost_centers import COST_CENTER
from corehr.hr.organization.departments import DEPARTMENT
from corehr.hr.organization.locations import LOCATION
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

ENTITIES: Final[Mapping[str, Entity]] = {
    "companies": COMPANY,
    "cost_centers": COST_CENTER,
    "departments": DEPARTMENT,
    "employee_types": EMPLOYEE_TYPE,
    "job_families": JOB_FAMILY,
    "job_grades": JOB_GRADE,
    "job_levels": JOB_LEVEL,
    "jobs": JOB,
    "locations": LOCATION,
    "positions": POSITION,
    "working_hours_types": WORKING_HOURS_TYPE,
}
"""The entity of each kind of named record."""

EXTRA_NAMES: Final = ("active", "other", "disabled")
"""Records of every kind beside those in use by people."""

BilingualName = tuple[str, str]
"""A name in Chinese and in English."""

USED_RECORDS: Final[Mapping[str, tuple[BilingualName, ...]]] = {
    "companies": (("星河科技（北京）有限公司", "Galaxy Beijing"), ("星河科技（上海）有限公司", "Galaxy Shanghai")),
    "employee_types": (("全职", "Regular"), ("实习", "Intern")),
    "working_hours_types": (("标准工时", "Standard hours"), ("不定时工时", "Flexible hours")),
    "job_families": (("研发", "Engineering"), ("产品", "Product"), ("销售", "Sales"), ("职能", "Corporate")),
    "job_levels": tuple((f"P{n}", f"P{n}") for n in range(4, 11)),
    "job_grades": tuple((f"G{n}", f"G{n}") for n in range(1, 8)),
    "jobs": (("工程师", "Engineer"), ("产品经理", "Product manager"), ("销售顾问", "Sales"), ("专员", "Specialist")),
    "positions": (("工程岗", "Engineering post"), ("产品岗", "Product post"), ("销售岗", "Sales post")),
    "locations": (("北京", "Beijing"), ("上海", "Shanghai"), ("深圳", "Shenzhen"), ("伦敦", "London")),
    "cost_centers": (("研发成本中心", "R&D"), ("市场成本中心", "Marketing"), ("职能成本中心", "Corporate")),
}
"""The names of the records that people of the company use, by kind."""

_FUTURE_COST_CENTER_DAYS: Final = 180
"""Days from today until the cost centre `future` begins."""

ALL_LOCATION_USAGES: Final = ("business_site", "social_security_contribution")


class OrganisationSeed:
    """Creates the organisation of a company, in one command, valid from its first day."""

    def __init__(self, tx: Tx, build: DemoBuild) -> None:
        self._tx, self._build = tx, build
        self._day: IsoDate = build.dates.founded
        self._codes: dict[str, int] = {}
        self.organisation = OrganisationIds()

    def create_all(self) -> OrganisationIds:
        """Create all records and return the ids that people are assigned to."""
        self.organisation.pathways = [self._tx.new_id(), self._tx.new_id()]
        self.organisation.calendar = self._tx.new_id()
        for kind in USED_RECORDS:
            self._create_used_records(kind)
            self._create_extra_records(kind)
        self._create_locations()
        self._link_disjoint_pathways()
        self._create_jobs()
        self._create_cost_centers()
        self._create_departments()
        self._create_locations_abroad()
        return self.organisation

    def _create_used_records(self, kind: str) -> None:
        """Create the records of a kind that people use; families and levels have all pathways."""
        for index, bilingual_name in enumerate(USED_RECORDS[kind]):
            body: dict[str, Any] = {}
            if kind in ("job_families", "job_levels"):
                body["pathway_ids"] = self.organisation.pathways
            elif kind == "locations":
                body = {
                    "usages": list(ALL_LOCATION_USAGES),
                    "zone": ABROAD_TIME_ZONE if index == len(USED_RECORDS[kind]) - 1 else TIME_ZONE,
                }
            elif kind == "employee_types":
                body["subtype_ids"] = self._create_subtypes(bilingual_name[1])
            self.organisation.by_kind.setdefault(kind, []).append(self._create_record(kind, bilingual_name, body))

    def _create_extra_records(self, kind: str) -> None:
        """Create `EXTRA_NAMES` of a kind. Family `active` and level `other` have no common pathway, all others do."""
        if kind in ("locations", "cost_centers"):
            return
        common, separate = self.organisation.pathways
        pathways = {
            "job_families": {"active": [common], "other": [common, separate]},
            "job_levels": {"active": [common], "other": [separate]},
        }.get(kind)
        for name in EXTRA_NAMES:
            body: dict[str, Any] = {}
            if pathways:
                body["pathway_ids"] = pathways.get(name, [common, separate])
            elif kind == "employee_types":
                body["subtype_ids"] = self._create_subtypes(name)
            self._create_named_record(kind, name, body)

    def _link_disjoint_pathways(self) -> None:
        """Record in the facts of the family and the level without a common pathway each other's ids."""
        named_records = self._build.named_records
        family, level = named_records["job_families"]["active"], named_records["job_levels"]["other"]
        family["disjoint_level"], level["disjoint_family"] = level["id"], family["id"]

    def _create_subtypes(self, employee_type: str) -> list[str]:
        ids = [self._tx.new_id(), self._tx.new_id()]
        self.organisation.subtypes[employee_type] = ids
        return ids

    def _create_locations(self) -> None:
        for name, usage in (
            ("work_city", "business_site"),
            ("work_city_2", "business_site"),
            ("social_security_city", "social_security_contribution"),
            ("disabled", "business_site"),
        ):
            self._create_named_record("locations", name, {"usages": [usage], "zone": TIME_ZONE})

    def _create_locations_abroad(self) -> None:
        for name, zone in (("work_city_behind", BEHIND_TIME_ZONE), ("work_city_ahead", AHEAD_TIME_ZONE)):
            self._create_named_record("locations", name, {"usages": list(ALL_LOCATION_USAGES), "zone": zone})

    def _create_jobs(self) -> None:
        """Create the jobs `matching` and `mismatching`.

        `matching` allows the families and levels of people and those called `active`; `mismatching` only `other`.
        """
        family, level = self.organisation.by_kind["job_families"][0], self.organisation.by_kind["job_levels"]
        id_of = self._build.id_of
        self._create_named_record(
            "jobs",
            "matching",
            {
                "job_family_ids": [family, id_of("job_families", "active")],
                "job_level_ids": [*level, id_of("job_levels", "active")],
            },
        )
        self._create_named_record(
            "jobs",
            "mismatching",
            {
                "job_family_ids": [id_of("job_families", "other")],
                "job_level_ids": [id_of("job_levels", "other")],
            },
        )

    def _create_cost_centers(self) -> None:
        parent = self._create_named_record("cost_centers", "parent", {"parent_id": None})
        for name in ("leaf", "leaf_2", "disabled", "disabled_next_month"):
            self._create_named_record("cost_centers", name, {"parent_id": parent})
        self._day = self._build.dates.day(_FUTURE_COST_CENTER_DAYS)
        self._create_named_record("cost_centers", "future", {"parent_id": parent})
        self._build.named_records["cost_centers"]["future"]["valid_from"] = self._day
        self._day = self._build.dates.founded

    def _create_departments(self) -> None:
        """Create a tree of departments, four levels deep and wider for more employees, and the named departments."""
        org, register = self.organisation, self._build.register
        teams = max(4, self._build.employees // 12)
        org.root = self._create_department("总部", "Headquarters", None)
        org.divisions = [
            self._create_numbered_department("事业部", "Division", n, org.root) for n in range(max(2, int(teams**0.5)))
        ]
        org.sections = [
            self._create_numbered_department("部", "Department", n, org.divisions[n % len(org.divisions)])
            for n in range(max(2, int(teams**0.75)))
        ]
        org.teams = [
            self._create_numbered_department("组", "Team", n, org.sections[n % len(org.sections)]) for n in range(teams)
        ]
        first_division, last_division = org.divisions[0], org.divisions[-1]
        named_departments = {
            "root": org.root,
            "range": first_division,
            "home": org.teams[0],
            "active": self._create_department("客户成功部", "Customer success", first_division),
            "other": self._create_department("数据平台部", "Data platform", last_division),
            "disabled": self._create_department("旧业务部", "Former business", first_division),
            "disabled_next_month": self._create_department("过渡项目部", "Transition project", first_division),
            "closing": self._create_department("收尾项目部", "Closing project", first_division),
            "full": self._create_department("审计部", "Audit", last_division),
        }
        for record_name, id in named_departments.items():
            register("departments", record_name, id)

    def _create_numbered_department(self, zh: str, en: str, number: int, parent: str) -> str:
        return self._create_department(f"{zh}{number + 1}", f"{en} {number + 1}", parent)

    def _create_department(self, zh: str, en: str, parent: str | None) -> str:
        id, code = self._tx.new_id(), self._next_code("departments")
        body = {"code": code, "name": {"zh-CN": zh, "en-US": en}, "parent_id": parent}
        departments.create(self._tx, id, code, self._day, body)
        if parent:
            self.organisation.parent[id] = parent
        return id

    def _create_named_record(self, kind: str, name: str, body: Mapping[str, Any]) -> str:
        bilingual_name = (f"{name}", f"{kind} {name}")
        return self._build.register(kind, name, self._create_record(kind, bilingual_name, body), **body)

    def _create_record(self, kind: str, bilingual_name: BilingualName, fields: Mapping[str, Any]) -> str:
        id = self._tx.new_id()
        body = {
            "code": self._next_code(kind),
            "name": {"zh-CN": bilingual_name[0], "en-US": bilingual_name[1]},
            **fields,
        }
        if kind == "cost_centers":
            cost_centers.create(self._tx, id, self._day, body)
        elif kind == "locations":
            locations.create(self._tx, id, self._day, body)
        else:
            ENTITIES[kind].create(self._tx, id, self._day, body)
        return id

    def _next_code(self, kind: str) -> str:
        self._codes[kind] = self._codes.get(kind, 0) + 1
        initials = "".join(word[0] for word in kind.split("_")).upper()
        return f"{initials}{self._codes[kind]:06d}"
