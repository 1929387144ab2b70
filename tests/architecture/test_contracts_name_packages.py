"""import-linter checks every resource that is a package: its contracts in pyproject.toml name each one."""

import tomllib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import corehr

SOURCE = Path(corehr.__path__[0])
PYPROJECT = Path(__file__).resolve().parent.parent.parent / "pyproject.toml"
NAMED_IN = {"inside": "containers", "features": "modules"}
"""The contracts about resources, and the key that lists them."""


def packages() -> list[str]:
    """Return the packages of `hr/` that have an api or records module."""
    folders = {path.parent for name in ("api.py", "records.py") for path in (SOURCE / "hr").rglob(name)}
    return sorted(".".join(("corehr", *folder.relative_to(SOURCE).parts)) for folder in folders)


def unnamed(modules: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Return the modules that no pattern names; `*` stands for one part of a name."""
    return [
        module
        for module in modules
        if not any(fnmatchcase(module, pattern) and module.count(".") == pattern.count(".") for pattern in patterns)
    ]


def test_every_package_of_a_resource_is_named_in_both_contracts():
    contracts = {c["id"]: c for c in tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["importlinter"]["contracts"]}
    found = packages()
    assert "corehr.hr.employees.job_datas" in found
    for id, key in NAMED_IN.items():
        missing = unnamed(found, contracts[id][key])
        assert not missing, f"add {missing} to {key} of the contract '{id}' in pyproject.toml"


def test_what_is_not_named():
    patterns = ["corehr.hr.contracts", "corehr.hr.employees.*"]
    named = ["corehr.hr.contracts", "corehr.hr.employees.persons"]
    not_named = ["corehr.hr.leave", "corehr.hr.employees.a.b"]
    assert unnamed([*named, *not_named], patterns) == not_named
