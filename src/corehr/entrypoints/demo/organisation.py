"""What a demo company sets up once: departments, places, jobs, and everything else that people are assigned to."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.entity import Entity
from corehr.entrypoints.demo.almanac import FAR_ZONE, ZONE
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.places import Organisation
from corehr.hr.companies.records import COMPANY
from corehr.hr.cost_centers import records as cost_centers
from corehr.hr.cost_centers.records import COST_CENTER
from corehr.hr.departments import records as departments
from corehr.hr.departments.records import DEPARTMENT
from corehr.hr.employee_types.records import EMPLOYEE_TYPE
from corehr.hr.job_families.records import JOB_FAMILY
from corehr.hr.job_grades.records import JOB_GRADE
from corehr.hr.job_levels.records import JOB_LEVEL
from corehr.hr.jobs.records import JOB
from corehr.hr.locations.records import LOCATION
from corehr.hr.positions.records import POSITION
from corehr.hr.working_hours_types.records import WORKING_HOURS_TYPE
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
"""By the kinds of the world's names."""

NAMED: Final = ("active", "other", "disabled")
"""What every kind has beside what its people use."""

Words = tuple[str, str]
"""Chinese and English."""

PLAIN: Final[Mapping[str, tuple[Words, ...]]] = {
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
"""What the people of the company use, by kind: names in Chinese and English."""

_FUTURE: Final = 180
"""Days from today until the cost centre `future` is there."""

ANYWHERE: Final = ("business_site", "social_security_contribution")


class Founding:
    """The command in which a company sets itself up."""

    def __init__(self, tx: Tx, company: Company) -> None:
        self._tx, self._company = tx, company
        self._day: IsoDate = company.almanac.founded
        self._codes: dict[str, int] = {}
        self.organisation = Organisation()

    def set_up(self) -> Organisation:
        """Everything there was on the first day."""
        self.organisation.pathways = [self._tx.new_id(), self._tx.new_id()]
        self.organisation.calendar = self._tx.new_id()
        for kind in PLAIN:
            self._plain(kind)
            self._named(kind)
        self._locations()
        self._tell_what_is_apart()
        self._jobs()
        self._cost_centers()
        self._departments()
        return self.organisation

    def _plain(self, kind: str) -> None:
        """What people use; families and levels go with every pathway."""
        for at, words in enumerate(PLAIN[kind]):
            body: dict[str, Any] = {}
            if kind in ("job_families", "job_levels"):
                body["pathway_ids"] = self.organisation.pathways
            elif kind == "locations":
                body = {"usages": list(ANYWHERE), "zone": FAR_ZONE if at == len(PLAIN[kind]) - 1 else ZONE}
            elif kind == "employee_types":
                body["subtype_ids"] = self._subtypes(words[1])
            self.organisation.plain.setdefault(kind, []).append(self._add(kind, words, body))

    def _named(self, kind: str) -> None:
        """`active`, `other`, `disabled`; family `active` and level `other` share no pathway, all else do."""
        if kind in ("locations", "cost_centers"):
            return
        common, apart = self.organisation.pathways
        pathways = {
            "job_families": {"active": [common], "other": [common, apart]},
            "job_levels": {"active": [common], "other": [apart]},
        }.get(kind)
        for name in NAMED:
            body: dict[str, Any] = {}
            if pathways:
                body["pathway_ids"] = pathways.get(name, [common, apart])
            elif kind == "employee_types":
                body["subtype_ids"] = self._subtypes(name)
            self._name(kind, name, body)

    def _tell_what_is_apart(self) -> None:
        """The family and the level that share no pathway say so."""
        world = self._company.world
        family, level = world["job_families"]["active"], world["job_levels"]["other"]
        family["disjoint_level"], level["disjoint_family"] = level["id"], family["id"]

    def _subtypes(self, of: str) -> list[str]:
        ids = [self._tx.new_id(), self._tx.new_id()]
        self.organisation.subtypes[of] = ids
        return ids

    def _locations(self) -> None:
        for name, usage in (
            ("work_city", "business_site"),
            ("work_city_2", "business_site"),
            ("social_security_city", "social_security_contribution"),
            ("disabled", "business_site"),
        ):
            self._name("locations", name, {"usages": [usage], "zone": ZONE})

    def _jobs(self) -> None:
        """`matching` goes with what people have and with what is `active`, `mismatching` with what is `other`."""
        family, level = self.organisation.plain["job_families"][0], self.organisation.plain["job_levels"]
        named = self._company.named
        self._name(
            "jobs",
            "matching",
            {
                "job_family_ids": [family, named("job_families", "active")],
                "job_level_ids": [*level, named("job_levels", "active")],
            },
        )
        self._name(
            "jobs",
            "mismatching",
            {
                "job_family_ids": [named("job_families", "other")],
                "job_level_ids": [named("job_levels", "other")],
            },
        )

    def _cost_centers(self) -> None:
        parent = self._name("cost_centers", "parent", {"parent_id": None})
        for name in ("leaf", "leaf_2", "disabled", "disabled_next_month"):
            self._name("cost_centers", name, {"parent_id": parent})
        self._day = self._company.almanac.day(_FUTURE)
        self._name("cost_centers", "future", {"parent_id": parent})
        self._company.world["cost_centers"]["future"]["valid_from"] = self._day
        self._day = self._company.almanac.founded

    def _departments(self) -> None:
        """A tree four deep that widens with the company, and departments that only have names."""
        org, name = self.organisation, self._company.name
        teams = max(4, self._company.employees // 12)
        org.root = self._department("总部", "Headquarters", None)
        org.divisions = [self._level("事业部", "Division", n, org.root) for n in range(max(2, int(teams**0.5)))]
        org.sections = [
            self._level("部", "Department", n, org.divisions[n % len(org.divisions)])
            for n in range(max(2, int(teams**0.75)))
        ]
        org.teams = [self._level("组", "Team", n, org.sections[n % len(org.sections)]) for n in range(teams)]
        inside, outside = org.divisions[0], org.divisions[-1]
        made = {
            "root": org.root,
            "range": inside,
            "home": org.teams[0],
            "active": self._department("客户成功部", "Customer success", inside),
            "other": self._department("数据平台部", "Data platform", outside),
            "disabled": self._department("旧业务部", "Former business", inside),
            "disabled_next_month": self._department("过渡项目部", "Transition project", inside),
            "closing": self._department("收尾项目部", "Closing project", inside),
            "full": self._department("审计部", "Audit", outside),
        }
        for called, id in made.items():
            name("departments", called, id)

    def _level(self, zh: str, en: str, number: int, parent: str) -> str:
        return self._department(f"{zh}{number + 1}", f"{en} {number + 1}", parent)

    def _department(self, zh: str, en: str, parent: str | None) -> str:
        id, code = self._tx.new_id(), self._code("departments")
        body = {"code": code, "name": {"zh-CN": zh, "en-US": en}, "parent_id": parent}
        departments.create(self._tx, id, code, self._day, body)
        if parent:
            self.organisation.above[id] = parent
        return id

    def _name(self, kind: str, name: str, body: Mapping[str, Any]) -> str:
        words = (f"{name}", f"{kind} {name}")
        return self._company.name(kind, name, self._add(kind, words, body), **body)

    def _add(self, kind: str, words: Words, more: Mapping[str, Any]) -> str:
        id = self._tx.new_id()
        body = {"code": self._code(kind), "name": {"zh-CN": words[0], "en-US": words[1]}, **more}
        if kind == "cost_centers":
            cost_centers.create(self._tx, id, self._day, body)
        else:
            ENTITIES[kind].create(self._tx, id, self._day, body)
        return id

    def _code(self, kind: str) -> str:
        self._codes[kind] = self._codes.get(kind, 0) + 1
        initials = "".join(word[0] for word in kind.split("_")).upper()
        return f"{initials}{self._codes[kind]:06d}"
