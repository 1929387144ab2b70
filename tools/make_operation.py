"""Write the first files of an operation: its spec, rules, handler, recipes and tests; print the steps that are left.

    python tools/make_operation.py FACTS v2.job_grade.query
    python tools/make_operation.py FACTS v2.employees-job_data.query --resource job_datas

FACTS is the folder that `tools/import_spec.py` reads. No file is overwritten: for one that exists, the text to add to
it is printed. Only a read of a resource that is one module is added to that module. The build fails until every error
row is decided and every test is written.
"""

import argparse
import ast
import difflib
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # run as a script, only tools/ itself is on the path

from tools import import_spec  # noqa: E402 - after the line above
from tools.module_texts import members_left, module_with_read  # noqa: E402
from tools.operation import Operation, Row, Subject, module_name  # noqa: E402
from tools.operation_texts import (  # noqa: E402
    api_text,
    commands_text,
    feature_members,
    recipe_entry,
    recipes_text,
    records_text,
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


def read_subject(facts: Mapping[str, Any], resource: str, package: Path, module: str) -> Subject | None:
    """Return the record that a request is about: the last field of its path, or the employment in its body, or None.

    `package` is the folder of the resource, `module` its name in imports. Its records say what type they have, and
    whether they belong to an employment.
    """
    in_path = re.findall(r":(\w+)", facts["path"])
    in_body = [f for f in facts["body"] if f["name"] == "employment_id" and f["type"] == "string"]
    if in_path:
        field, required = in_path[-1], True
    elif in_body:
        field, required = "employment_id", bool(in_body[0].get("required"))
    else:
        return None
    noun = field.removesuffix("_id") if field.endswith("_id") else resource
    if noun == "employment":
        type_import = "from corehr.hr.employees.employments.records import Employment"
        return Subject(field, bool(in_path), required, noun, "Employment", type_import, ".id")
    type, type_import = _type_of_records(package, module)
    has_employment = any(re.search(r"\bemployment_id\b", text) for text in _texts(package, "records.py", "row.py"))
    access = None if not has_employment else '["employment_id"]' if type == "Row" else ".employment_id"
    return Subject(field, bool(in_path), required, noun, type, type_import, access)


def _texts(package: Path, *names: str) -> list[str]:
    return [(package / name).read_text("utf-8") for name in names if (package / name).exists()]


def _type_of_records(package: Path, module: str) -> tuple[str, str]:
    """Return the type of a record that `get` of the records returns, and the line that imports it."""
    get = re.search(
        r"^def get\(tx: Tx, id: str\) -> (\w+) \| None:", "".join(_texts(package, "records.py")), re.MULTILINE
    )
    if get is None or get.group(1) == "Row":
        return "Row", ""
    defined_in = "row" if any(f"class {get.group(1)}" in text for text in _texts(package, "row.py")) else "records"
    return get.group(1), f"from {module}.{defined_in} import {get.group(1)}"


def _functions(package: Path) -> frozenset[str]:
    """Return the names of the functions of the records of a package."""
    trees = [ast.parse(text) for text in _texts(package, "records.py")]
    return frozenset(node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef))


def find_recipe_fact(subject: Subject, resource: str, demo: Path) -> str:
    """Return how a recipe names the record of the demo company: by its own name, or as a fact of `active`."""
    if subject.is_employment:
        return 'context.fact("employments", "active")'
    names = [path.name for path in demo.glob("*.py")]
    is_named = any(f'"{resource}"' in text for text in _texts(demo, *names))
    if not is_named and any(f'"{subject.field}"' in text for text in _texts(demo, "named_facts.py")):
        return f'context.fact("employments", "active", "{subject.field}")'
    return f'context.fact("{resource}", "active")'


def describe_unknown(id: str, operations: Mapping[str, Any], facts: Path) -> str:
    """Return the message for an id that the facts do not have, with the operations of its resource or close ones."""
    resource = id.rpartition(".")[0].partition(".")[2]
    same = sorted(known for known in operations if resource and f".{resource}." in known)
    close = same or difflib.get_close_matches(id, operations, cutoff=0.5)
    known = f"those of {resource} are {', '.join(same)}" if same else f"close: {', '.join(close) or 'none'}"
    return f"{id}: not among the {len(operations)} operations of {facts}; {known}"


# ---------------------------------------------------------------------------------------------- files


def texts_by_path(operation: Operation) -> Mapping[Path, str]:
    """Return the files of an operation, relative to the repository, packages before what is in them."""
    package = Path("src", "corehr") / operation.package
    texts: dict[Path, str] = {}
    if package.parent.name != "hr":
        texts[package.parent / "__init__.py"] = f'"""The chapter {operation.chapter.replace("_", " ")}."""\n'
    texts[package / "__init__.py"] = f'"""{operation.resource.replace("_", " ").capitalize()}."""\n'
    if records := records_text(operation):
        texts[package / "records.py"] = records
    texts[Path("src", "corehr") / operation.rules] = rules_text(operation)
    if not operation.is_read:
        texts[package / "commands.py"] = commands_text(operation)
    texts[package / "recipes.py"] = recipes_text(operation)
    texts[package / "api.py"] = api_text(operation)
    texts[_tests_path(operation)] = tests_text(operation)
    return texts


def _tests_path(operation: Operation) -> Path:
    return Path("tests", "hr", operation.package.name, f"test_{operation.name}_rules.py")


def add_to_module(operation: Operation, root: Path) -> list[str]:
    """Add a read to the one module of its resource and write its test; return what was done."""
    module = Path("src", "corehr") / operation.package.with_suffix(".py")
    text = module_with_read(operation, (root / module).read_text("utf-8"))
    (root / module).write_text(tidy(text), "utf-8")
    return [f"added to {module}", *write_files({_tests_path(operation): tests_text(operation)}, operation, root)]


def tidy(text: str) -> str:
    """Return a module with its imports sorted, without those that are not used, and formatted."""
    ruff = (sys.executable, "-m", "ruff")
    options = (
        "--quiet",
        "--config",
        str(REPOSITORY / "pyproject.toml"),
        "--stdin-filename",
        "src/corehr/module.py",
        "-",
    )
    for command in (("check", "--select", "I,F401", "--fix", "--exit-zero"), ("format",)):
        text = subprocess.run(
            [*ruff, *command, *options], input=text, capture_output=True, check=True, text=True, cwd=REPOSITORY
        ).stdout
    return text


def write_files(texts: Mapping[Path, str], operation: Operation, root: Path) -> list[str]:
    """Write the files that do not exist; return for each one what was done, or the text that is left to add."""
    done = []
    for path, text in texts.items():
        if not (root / path).exists() and not _is_to_be_moved(path, root):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(tidy(text), "utf-8")
            done.append(f"wrote {path}")
        elif path.name != "__init__.py":
            done.append(f"kept {path}; add to it:\n\n{_addition(tidy(text), path, operation)}")
    return done


def _is_to_be_moved(path: Path, root: Path) -> bool:
    """Return whether a file is the place to which the one module of the resource moves."""
    return path.name == "records.py" and (root / path.parent.with_suffix(".py")).exists()


def _addition(text: str, path: Path, operation: Operation) -> str:
    """Return what to add to a file that exists: of its text as a new file, no docstring, and entries of mappings."""
    body = text.partition('"""\n')[2].strip("\n")
    entries = ""
    if path.name == "api.py":
        members = [f"{name}={value}" for name, value in feature_members(operation).items()]
        entries = f"and to its FEATURE, into the members that it has:\n\n    {', '.join(members)}\n"
    elif path.name == "recipes.py":
        entries = f"and to its RECIPES:\n\n    {recipe_entry(operation)}\n"
    functions = re.split(r"^(?:FEATURE|RECIPES)\b", body, flags=re.MULTILINE)[0].rstrip("\n")
    return f"{textwrap.indent(functions, '    ')}\n\n{entries}"


# ---------------------------------------------------------------------------------------------- steps


READ_PAGE = "read the page; where it is wrong or silent, correct it in spec/corrections.toml with the evidence"
EVENT_TESTS = "tests/architecture/test_events_have_causes.py"
LAST_STEPS = (
    "a line in CHANGELOG.md; make docs, make check, and the tests that CONTRIBUTING.md names; then make test",
)


def steps_left_in_module(operation: Operation) -> list[str]:
    """Return what a person has to do now, in order, for a read that was added to the one module of its resource."""
    decisions = ["each rule: its violation, its interpretation and evidence, its place"] if operation.rows else []
    members = ", ".join(members_left(operation))
    return [
        READ_PAGE,
        *decisions,
        f"{operation.handler}: the data of the response, {members}; leave out fields for which there are no data",
        f"the tests, in {_tests_path(operation)}",
        *LAST_STEPS,
    ]


def steps_left(operation: Operation, root: Path) -> list[str]:
    """Return what a person has to do now, in order; `root` is as it was before the files were written."""
    package, module = Path("src", "corehr") / operation.package, operation.module
    is_chapter, rules = operation.package.parent.name == "hr", operation.rules.relative_to(operation.package)
    steps = []
    if not (root / package).is_dir():
        steps.append(f"name {module} in the contracts `inside` and `features` of pyproject.toml")
    if (root / package).with_suffix(".py").exists():
        importers = ", ".join(str(path.relative_to(root)) for path in _importers(operation, root))
        steps.append(f"git mv {package}.py {package}/records.py; its FEATURE moves to api.py")
        steps.append(f"import {module}.records in {importers or 'no file'}")
    steps.append(READ_PAGE)
    if operation.rows:
        steps.append(f"{rules}: for each rule a name, and its violation, a GatewayReason or an Unreachable")
        steps.append(f"{rules}: for each rule the interpretation, the evidence and its place in the order")
    steps += _steps_of_command(operation) if not operation.is_read else _steps_of_read(operation)
    if not (root / package / "api.py").exists():
        steps.append(f"FEATURE of api.py goes into {'app' if is_chapter else f'hr/{operation.chapter}'}/features.py")
    requests = "a valid request" + (", and those that the state of the demo company refuses" if operation.rows else "")
    steps.append(f"recipes.py: {requests}, about records that the demo company names")
    return [*steps, f"the tests, in {_tests_path(operation)}", *LAST_STEPS]


def _steps_of_read(operation: Operation) -> list[str]:
    records = ["records.py: the query"] if records_text(operation) else []
    return [*records, f"api.py: the data of the response in {operation.handler}"]


def _steps_of_command(operation: Operation) -> list[str]:
    response = [f"api.py: the data of the response in {operation.handler}"] if operation.facts["response"] else []
    return [
        "records.py: the primitive that changes rows; events.py: the payloads; a new table: tools/make_migration.py",
        f"EVENTS_BY_PRIMITIVE in records.py: the primitive with its events; run_scenarios in {EVENT_TESTS}: a call",
        "commands.py: further locks that the change needs, before the first rule reads",
        *response,
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
        raise SystemExit(describe_unknown(options.id, operations, options.facts))
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
    folder = package / resource_package
    verb, own_name = options.id.rpartition(".")[2].replace("-", "_"), options.id.partition(".")[2]
    is_module = folder.with_suffix(".py").exists() and not folder.exists()
    subject = read_subject(facts, options.id.split(".")[1].rpartition("-")[2], folder, module_name(resource_package))
    operation = Operation(
        id=options.id,
        facts=facts,
        rows=read_rows(facts["errors"]),
        chapter=chapter,
        resource=resource,
        package=resource_package,
        rules=resource_package / (f"rules/{verb}.py" if (folder / "rules").is_dir() else "rules.py"),
        is_versioned=sum(id.partition(".")[2] == own_name for id in operations) > 1,
        subject=subject,
        existing_functions=_functions(folder),
        recipe_fact=find_recipe_fact(subject, resource, package / "demo") if subject else "",
    )
    import_spec.main([str(options.facts), "--operation", options.id, "--out", str(spec)])
    if operation.is_read and is_module:
        done, steps = add_to_module(operation, options.root), steps_left_in_module(operation)
    else:
        steps = steps_left(operation, options.root)
        done = write_files(texts_by_path(operation), operation, options.root)
    print("\n".join(done))
    print("\nLeft to do:\n" + "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)))


if __name__ == "__main__":
    main(sys.argv[1:])
