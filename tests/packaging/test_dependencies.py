"""Every import of the package is declared, and every declaration is imported."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from crewai_hitl_nb import crewai_needed
from tests.jupyter_process import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Imported only where it already runs: a kernel is ipykernel on IPython and brings psutil, crewAI
# brings pydantic and that its core.
BROUGHT_BY_THE_HOST = {"ipykernel", "ipython", "psutil", "pydantic", "pydantic-core"}


OWN = {
    "benchmarks",
    "colleague",
    "crewai_hitl_nb",
    "examples",
    "notebooks",
    "pages",
    "records",
    "scripted_llm",
    "tests",
}

DOCUMENT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
PROJECT = DOCUMENT["project"]
EXTRAS = PROJECT["optional-dependencies"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.split(".")[0])
    return modules


def imported_distributions(folder: str) -> set[str]:
    files = (REPOSITORY / folder).rglob("*.py")
    modules = set().union(*map(imported_modules, files)) - set(sys.stdlib_module_names) - OWN
    known = packages_distributions()
    return {normal(known.get(module, [module])[0]) for module in modules}


def names(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=~!; ]", line)[0]) for line in requirements}


def group(name: str) -> list[str]:
    """Return a dependency group's requirements, those of included groups with them."""
    lines = DOCUMENT["dependency-groups"][name]
    return [
        requirement
        for line in lines
        for requirement in ([line] if isinstance(line, str) else group(line["include-group"]))
    ]


def test_every_import_is_a_declared_dependency() -> None:
    used = imported_distributions("crewai_hitl_nb") - BROUGHT_BY_THE_HOST
    extras = names(EXTRAS["crewai"]) | names(EXTRAS["postgres"])
    assert used - names(PROJECT["dependencies"]) - extras == set()


def test_doctor_finds_a_crewai_too_old_that_the_package_does_not_support() -> None:
    lowest = ".".join(map(str, crewai_needed.NEEDED))
    assert f"crewai>={lowest}" in EXTRAS["crewai"]


def test_every_declared_dependency_is_imported() -> None:
    declared = names([*PROJECT["dependencies"], *EXTRAS["crewai"], *EXTRAS["postgres"]])
    assert declared - imported_distributions("crewai_hitl_nb") == set()


@pytest.mark.parametrize("folder", ["benchmarks", "docs", "examples", "notebooks", "tests"])
def test_what_only_the_repository_imports_is_declared_for_it(folder: str) -> None:
    declared = names(
        [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    )
    declared |= names(group("dev")) | BROUGHT_BY_THE_HOST
    assert imported_distributions(folder) - declared == set()
