"""Every import of the package is declared, and every declaration is imported."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.jupyter_process import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Imported only where it already runs: a kernel is ipykernel on IPython, crewAI brings pydantic.
BROUGHT_BY_THE_HOST = {"ipykernel", "ipython", "pydantic"}


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


def imported_distributions() -> set[str]:
    files = (REPOSITORY / "crewai_hitl_nb").rglob("*.py")
    modules = set().union(*map(imported_modules, files)) - set(sys.stdlib_module_names)
    known = packages_distributions()
    return {normal(known.get(module, [module])[0]) for module in modules - {"crewai_hitl_nb"}}


def declared_distributions() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["crewai"]]
    return {normal(re.split(r"[\[<>=~! ]", line)[0]) for line in lines}


def test_every_import_is_a_declared_dependency() -> None:
    assert imported_distributions() - declared_distributions() - BROUGHT_BY_THE_HOST == set()


def test_every_declared_dependency_is_imported() -> None:
    assert declared_distributions() - imported_distributions() == set()
