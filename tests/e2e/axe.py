"""axe-core in a page: what of WCAG 2.2 AA a machine can find broken.

The script comes from the front end's own development packages. Findings are returned as short
lines, so that a failing test says what to fix.
"""

from playwright.sync_api import Page

from tests.jupyter_process import REPOSITORY

SCRIPT = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

_RUN = """async ([within, rules]) => {
  const found = await axe.run(within, { runOnly: { type: 'tag', values: rules } });
  return found.violations.flatMap(({ id, nodes }) => nodes.map(
    ({ target, any, all, none }) =>
      `${id}: ${target.join(' ')}: ${[...any, ...all, ...none][0]?.message ?? ''}`
  ));
}"""


def violations(page: Page, within: str = "body") -> list[str]:
    """Return every violation in the part of the page that a selector names."""
    page.evaluate(SCRIPT.read_text())  # as an element it would be kept out by the page's policy
    found: list[str] = page.evaluate(_RUN, [within, RULES])
    return found
