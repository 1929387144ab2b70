"""Write the first files of an operation: its spec, rules, handler, recipes and tests; print the steps that are left.

    python tools/make_operation.py FACTS v2.job_grade.query
    python tools/make_operation.py FACTS v2.employees-job_data.query --resource job_datas

FACTS is the folder that `tools/import_spec.py` reads. No file is overwritten: for one that exists, the text to add to
it is printed. Only a read of a resource that is one module is added to that module. The build fails until every error
row is decided and every test is written.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # run as a script, only tools/ itself is on the path

from tools import import_spec  # noqa: E402 - after the line above
from tools.operation_texts import (  # noqa: E402
    Operation,
    Row,
    api_text,
    module_with_read,
    recipes_text,
    rules_text,
    tests_text,
)

SYSTEM_FAILURE = r"\b(system|server|service|internal|unknown) error|time ?out|\bqps\b|too many|frequen"
DEFAULT_ORDER = (
    r"\b(empty|required|missing|miss|at least|fill in|param|parameter|malformed|illegal|length|exceed\w*|too long)\b",
    r"\b(employment|employee|person|pre-?hire|user id)\b",
    r"\b(pending|approving|status|stage|record|revoke\w*|withdraw\w*|conflict|permission|operator)\b",
    r"\b(early|earlier|later|before|after|time|date)\b",
    r"\b(no change|nothing|same)\b",
    r"\b(not exists?|not found|check|invalid|unknown)\b",
    r"\b(effective|active|disabled?|deactivated?)\b",
    r"\b(manager|leader|circular|superior)\b",
    r"\b(cost center|working hours?|rate)\b",
    r"\b(contract|probation)\b",
    r"\b(match|family|level|grade)\b",
    r"\b(headcount|workforce plan)\b",
)
"""Words of a documented sentence by their place in the usual order of checks (ADR 0016): a first proposal."""

FILLER_WORDS = {"a", "an", "and", "be", "can", "please", "s", "t", "that", "the", "this", "to"}
MAX_NAME_WORDS = 7


# ---------------------------------------------------------------------------------------------- from facts


def read_rows(errors: Sequence[Sequence[Any]]) -> list[Row]:
    """Return the rows in our default order, each with a name for its violation; no name occurs twice."""
    rows, names = [], set[str]()
    for status, code, sentence in errors:
        name = violation_name(code, sentence)
        name = f"{name}_{code}" if name in names else name
        names.add(name)
        printable = "".join(character for character in sentence if character.isprintable() or character.isspace())
        rows.append(Row(status, code, " ".join(printable.split()), name))
    return sorted(rows, key=place_in_order)


def violation_name(code: int, sentence: str) -> str:
    """Return a name made of the words of a documented sentence, or of its code where it has no English words."""
    text = re.sub(r"\{\{.*?\}\}", "", sentence).replace("can't", "cannot").replace("n't", " not")
    words = [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in FILLER_WORDS][:MAX_NAME_WORDS]
    return "_".join(words) if words and words[0][0].isalpha() else f"violation_of_{code}"


def place_in_order(row: Row) -> int:
    """Return the place of a row in the usual order of checks: failures of the system last, unknown sentences before."""
    text = row.sentence.lower()
    if row.status in (429, 503) or re.search(SYSTEM_FAILURE, text):
        return len(DEFAULT_ORDER) + 1
    return next((place for place, words in enumerate(DEFAULT_ORDER) if re.search(words, text)), len(DEFAULT_ORDER))


def find_package(hr: Path, chapter: str, resource: str) -> Path:
    """Return the package of a resource, relative to `src/corehr`: its chapter if that is itself a package of one."""
    folder = hr / chapter
    others = folder.is_dir() and any(path.name != "__init__.py" for path in folder.iterdir() if not _is_hidden(path))
    is_one_resource = any((folder / name).exists() for name in ("api.py", "records.py"))
    if is_one_resource or (resource == chapter and not others):
        return Path("hr", chapter)
    if resource == chapter:
        raise SystemExit(f"hr/{chapter}/ has several resources: name one of them, or a new one, with RESOURCE=…")
    return Path("hr", chapter, resource)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(("__pycache__", "."))


# ---------------------------------------------------------------------------------------------- files


def texts_by_path(operation: Operation) -> Mapping[Path, str]:
    """Return the files of an operation, relative to the repository, packages before what is in them."""
    package = Path("src", "corehr") / operation.package
    texts: dict[Path, str] = {}
    if package.parent.name != "hr":
        texts[package.parent / "__init__.py"] = f'"""The chapter {operation.chapter.replace("_", " ")}."""\n'
    texts[package / "__init__.py"] = f'"""{operation.resource.replace("_", " ").capitalize()}."""\n'
    texts[Path("src", "corehr") / operation.rules] = rules_text(operation)
    texts[package / "recipes.py"] = recipes_text(operation)
    texts[package / "api.py"] = api_text(operation)
    texts[_tests_path(operation)] = tests_text(operation)
    return texts


def _tests_path(operation: Operation) -> Path:
    return Path("tests", "hr", operation.package.name, f"test_{operation.handler}_rules.py")


def add_to_module(operation: Operation, root: Path) -> list[str]:
    """Add a read to the one module of its resource and write its test; return what was done."""
    module = Path("src", "corehr") / operation.package.with_suffix(".py")
    (root / module).write_text(module_with_read(operation, (root / module).read_text("utf-8")), "utf-8")
    _format(root / module)
    return [f"added to {module}", *write_files({_tests_path(operation): tests_text(operation)}, root)]


def _format(path: Path) -> None:
    """Sort the imports of a file, remove those that are not used, and format it."""
    ruff, config = (sys.executable, "-m", "ruff"), ("--quiet", "--config", str(REPOSITORY / "pyproject.toml"))
    subprocess.run([*ruff, "check", *config, "--select", "I,F401", "--fix", str(path)], check=True)
    subprocess.run([*ruff, "format", *config, str(path)], check=True)


def write_files(texts: Mapping[Path, str], root: Path) -> list[str]:
    """Write the files that do not exist; return for each one what was done, or the text that is left to add."""
    done = []
    for path, text in texts.items():
        if not (root / path).exists():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
            done.append(f"wrote {path}")
        elif path.name != "__init__.py":
            done.append(f"kept {path}; add to it:\n\n{text}")
    return done


def steps_left_in_module(operation: Operation) -> list[str]:
    """Return what a person has to do now, in order, for a read that was added to the one module of its resource."""
    decisions = ["each rule: its violation, its interpretation and evidence, its place"] if operation.rows else []
    return [
        "read the page; where it is wrong or silent, correct it in spec/corrections.toml with the evidence",
        *decisions,
        f"{operation.handler}: the data of the response",
        "the tests",
        "a line in CHANGELOG.md; make docs, make test, make check",
    ]


def steps_left(operation: Operation, root: Path) -> list[str]:
    """Return what a person has to do now, in order."""
    package, module = Path("src", "corehr") / operation.package, operation.module
    is_chapter, rules = operation.package.parent.name == "hr", operation.rules.name
    steps = [f"the files below are in {package}/; name a new package in the contracts of pyproject.toml"]
    if (root / package).with_suffix(".py").exists():
        importers = ", ".join(str(path.relative_to(root)) for path in _importers(operation, root))
        steps.append(f"git mv {package}.py {package}/records.py; its FEATURE moves to api.py")
        steps.append(f"import {module}.records in {importers or 'no file'}")
    return [
        *steps,
        "read the page; where it is wrong or silent, correct it in spec/corrections.toml with the evidence",
        f"{rules}: for each rule a name, and its violation, a GatewayReason or an Unreachable",
        f"{rules}: for each rule the interpretation, the evidence and its place in the order",
        "records.py: tables, queries and primitives; events.py: payloads; a new table: tools/make_migration.py",
        f"commands.py, for a change: locks, {operation.verb.upper()}.check, primitives",
        f"api.py: the handler; FEATURE goes into {'app' if is_chapter else f'hr/{operation.chapter}'}/features.py",
        "the tests; recipes.py: a valid request, and those that the state of the demo company refuses",
        "a line in CHANGELOG.md; make docs, make test, make check",
    ]


def _importers(operation: Operation, root: Path) -> list[Path]:
    parent, _, name = operation.module.rpartition(".")
    pattern = rf"from {re.escape(operation.module)} import|from {re.escape(parent)} import [^\n]*\b{name}\b"
    files = [path for folder in ("src", "tests", "bench") for path in sorted((root / folder).rglob("*.py"))]
    return [path for path in files if re.search(pattern, path.read_text("utf-8"))]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facts", type=Path, help="folder with operations/, events/, enums.json, errors.json")
    parser.add_argument("id", help="the operation, such as v2.job_grade.query")
    parser.add_argument("--resource", help="the package in the chapter, if it is not named like the resource")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the repository to write into")
    options = parser.parse_args(arguments)
    operations = import_spec.read_facts(options.facts / "operations", "id")
    if options.id not in operations:
        raise SystemExit(f"{options.id}: not among the {len(operations)} operations of {options.facts}")
    package = options.root / "src" / "corehr"
    hr, spec = package / "hr", package / "spec"
    if built := [path for path in hr.rglob("*.py") if f'"{options.id}"' in path.read_text("utf-8")]:
        raise SystemExit(
            f"{options.id}: is in {built[0].relative_to(options.root)} already; to add an error row, run"
            f"  python tools/import_spec.py {options.facts} --operation {options.id}"
            "  and follow 'Add an error row' in CONTRIBUTING.md"
        )
    resource, facts = operations[options.id]
    inventory = tomllib.loads((spec / "inventory.toml").read_text("utf-8"))["operations"]
    chapter, resource = inventory[options.id]["chapter"], options.resource or resource
    resource_package = find_package(hr, chapter, resource)
    verb = options.id.rpartition(".")[2].replace("-", "_")
    rules = f"rules/{verb}.py" if (package / resource_package / "rules").is_dir() else "rules.py"
    operation = Operation(
        id=options.id,
        method=facts["method"],
        path=facts["path"],
        rows=read_rows(facts["errors"]),
        chapter=chapter,
        resource=resource,
        package=resource_package,
        rules=resource_package / rules,
    )
    import_spec.main([str(options.facts), "--operation", options.id, "--out", str(spec)])
    package_path = package / operation.package
    if operation.is_read and package_path.with_suffix(".py").exists() and not package_path.exists():
        done, steps = add_to_module(operation, options.root), steps_left_in_module(operation)
    else:
        steps = steps_left(operation, options.root)
        done = write_files(texts_by_path(operation), options.root)
    print("\n".join(done))
    print("\nLeft to do:\n" + "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)))


if __name__ == "__main__":
    main(sys.argv[1:])
