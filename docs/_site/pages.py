"""Lays out the site's sources: the documents, the notebooks, the references.

The documents in ``docs/`` are plain Markdown that reads well on a code host. A site needs a
little more, and gets it here, so that nobody writes anything twice:

* the table of contents is ``docs/index.md``: each of its lists becomes a part of the sidebar;
* a link to a notebook or to the changelog leads to its page;
* a picture that exists for both themes is shown in the reader's;
* the gallery lists whatever notebooks there are, by their title and first paragraph;
* ``<!-- reference -->`` is replaced by the reference: the public names' docstrings in
  ``python.md``, every command's help in ``cli.md``.

Below it lies the file system; it knows nothing of Sphinx but its directives.
"""

import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import click
from records import with_records

import crewai_hitl_nb as hitl
from crewai_hitl_nb.cli.main import commands

REPOSITORY = Path(__file__).parents[2]
MARK = "<!-- reference -->"
GALLERY = "gallery"
NOT_OURS = ("__new__", "model_config", "model_post_init")  # pydantic's and Python's machinery


def write_pages(to: Path, executed: Path) -> None:
    """Write all of the site's sources into an empty folder.

    Args:
        to: The folder; it is made.
        executed: Where notebooks that were run lie; those that do not are shown without outputs.
    """
    docs = REPOSITORY / "docs"
    shutil.copytree(docs, to, ignore=shutil.ignore_patterns("_*", "*.py"))
    shutil.copy(REPOSITORY / "CHANGELOG.md", to / "changes.md")
    notebooks = _write_notebooks(to / GALLERY, executed)
    references = {"python.md": python_reference(), "cli.md": command_reference()}
    for page in to.glob("*.md"):
        text = page.read_text()
        if page.name in references:
            assert MARK in text, f"{page.name} has no {MARK}"
            text = text.replace(MARK, references[page.name])
        page.write_text(_with_pairs(_with_links(text), docs))
    index = to / "index.md"
    index.write_text(index.read_text() + contents(index.read_text(), notebooks))
    (to / "gallery.md").write_text(_gallery_page(to / "gallery.md", to / GALLERY, notebooks))


def contents(index: str, notebooks: list[str]) -> str:
    """Return the hidden tables of contents that an index page's lists amount to."""
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)[1:]
    trees = []
    for caption, body in zip(parts[::2], parts[1::2], strict=True):
        pages: list[str] = re.findall(r"^[-*] .*?\]\(([\w./-]+)\)", body, re.MULTILINE)
        if pages:
            listed = "\n".join(page.removesuffix(".md").removesuffix(".ipynb") for page in pages)
            trees.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```")
    return "\n\n" + "\n\n".join(trees) + "\n"


def python_reference() -> str:
    """Return the directives that print the docstrings of the public names."""
    functions, classes = [], []
    for name in hitl.__all__:
        value = getattr(hitl, name)
        if inspect.isclass(value):
            classes.append(f"### {name}\n\n```{{eval-rst}}\n{_class_directives(name, value)}\n```")
        else:
            directive = f".. autofunction:: crewai_hitl_nb.{name}"
            functions.append(f"### {name}\n\n```{{eval-rst}}\n{directive}\n```")
    return "\n\n".join(["## Functions", *functions, "## Classes", *classes])


def _class_directives(name: str, value: type) -> str:
    """Return the directives for a class, with what it has from its namesake, if it has one."""
    lines = [f".. autoclass:: crewai_hitl_nb.{name}", "   :members:", "   :show-inheritance:"]
    lines += [f"   :exclude-members: {', '.join(NOT_OURS)}"]
    base = value.__mro__[1]
    if base.__qualname__ == name:
        lines += ["   :inherited-members:", "", f".. autoclass:: {base.__module__}.{name}"]
    return "\n".join(lines)


def command_reference() -> str:
    """Return the help of every command."""
    context = click.Context(commands, info_name="crewai-hitl", max_content_width=90)
    parts = ["## Every option"]
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        parts += _help(command, click.Context(command, info_name=name, parent=context))
    return "\n\n".join(parts)


def _help(command: click.Command, context: click.Context) -> list[str]:
    parts = [f"### {context.command_path}\n\n```text\n{command.get_help(context)}\n```"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            parts += _help(below, click.Context(below, info_name=name, parent=context))
    return parts


def _with_links(text: str) -> str:
    """Lead links that leave ``docs/``, or come into it, to the pages that stand for their files."""
    text = re.sub(r"\]\(\.\./notebooks/([\w-]+)\.ipynb\)", rf"]({GALLERY}/\1.ipynb)", text)
    return text.replace("](../CHANGELOG.md)", "](changes.md)").replace("](docs/", "](")


def _with_pairs(text: str, docs: Path) -> str:
    """Show `…-light.png` in the light theme only where there is a `…-dark.png` beside it."""

    def pair(found: re.Match[str]) -> str:
        words, stem = found.groups()
        if not (docs / f"{stem}-dark.png").exists():
            return found[0]
        return "\n\n".join(
            f"```{{image}} {stem}-{theme}.png\n:alt: {words}\n:class: only-{theme}\n```"
            for theme in ("light", "dark")
        )

    return re.sub(r"^!\[(.+?)\]\((\S+)-light\.png\)$", pair, text, flags=re.MULTILINE)


def _write_notebooks(to: Path, executed: Path) -> list[str]:
    to.mkdir()
    names = []
    for source in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        ran = executed / source.name
        notebook = json.loads((ran if ran.exists() else source).read_text())
        with_records(notebook)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = "".join(cell["source"]).replace("](../docs/", "](../")
        (to / source.name).write_text(json.dumps(notebook))
        names.append(source.stem)
    return names


def _gallery_page(page: Path, folder: Path, names: list[str]) -> str:
    """Return the gallery: its page, then each notebook's title and first paragraph."""
    parts = [page.read_text().rstrip()]
    for name in sorted(names, key=lambda name: (name != "quickstart", name)):
        title, summary = title_and_summary(json.loads((folder / f"{name}.ipynb").read_text()))
        here = summary.replace("](../", "](")  # the gallery is one folder above its notebooks
        parts.append(f"## [{title}]({GALLERY}/{name}.ipynb)\n\n{here}")
    listed = "\n".join(f"{GALLERY}/{name}" for name in names)
    return "\n\n".join([*parts, f"```{{toctree}}\n:hidden:\n\n{listed}\n```"]) + "\n"


def title_and_summary(notebook: dict[str, Any]) -> tuple[str, str]:
    """Return a notebook's heading and the paragraph below it."""
    first = "".join(notebook["cells"][0]["source"])
    title, _, rest = first.strip().partition("\n")
    return title.lstrip("# "), rest.strip().split("\n\n")[0]
