"""A built site, read: its pages, what they link to, what they load."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADS = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("source", "srcset"),
    ("iframe", "src"),
}
_FOREIGN = re.compile(r"(?:url\(|@import|fetch\(|import\()\s*[\"']?(https?:)?//")


@dataclass
class Page:
    """One page: its anchors, links and what a browser loads for it."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self._page.anchors.add(value)
            elif (tag, name) in _LOADS and value:
                self._page.loads.append(value)
            elif (tag, name) == ("a", "href") and value:
                self._page.links.append(value)

    def handle_data(self, data: str) -> None:
        self._page.text += data


class Site:
    """All pages of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages = {path: _read(path) for path in sorted(folder.rglob("*.html"))}

    def page(self, name: str) -> Page:
        """Return a page by its path in the site."""
        return self.pages[self.folder / name]

    def broken_links(self) -> list[str]:
        """Return the links within the site that lead to no file or no anchor."""
        return [
            f"{page.path.relative_to(self.folder)}: {link}"
            for page in self.pages.values()
            for link in [*page.links, *page.loads]
            if not self._leads(page, link)
        ]

    def _leads(self, page: Page, link: str) -> bool:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            return True
        target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        if target not in self.pages:
            return target.is_file()
        return not parts.fragment or unquote(parts.fragment) in self.pages[target].anchors

    def foreign_loads(self) -> list[str]:
        """Return what pages, styles and scripts would load from another host."""
        loads = [load for page in self.pages.values() for load in page.loads]
        foreign = [load for load in loads if urlsplit(load).netloc]
        for kind in ("css", "js"):
            for path in self.folder.rglob(f"*.{kind}"):
                foreign += [f"{path.name}: {m[0]}" for m in _FOREIGN.finditer(path.read_text())]
        return foreign


def _read(path: Path) -> Page:
    page = Page(path)
    _Reader(page).feed(path.read_text())
    return page
