"""What a page did that no crew's words may make it do: ran a script, or called another host.

It also takes the page's defence away, for the second try: Markdown is then put into the page as
the HTML that it was parsed from, and every text is read as HTML.
"""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Dialog, Page, Request

_MARKDOWN_AS_HTML = """
let html = "";
const parse = DOMParser.prototype.parseFromString;
DOMParser.prototype.parseFromString = function (text, type) {
  html = text.replaceAll("http-equiv=refresh", ""); // would end the page of the try
  return parse.call(this, text, type);
};
const replace = Element.prototype.replaceChildren;
Element.prototype.replaceChildren = function (...nodes) {
  if (!this.classList.contains("chitl-markdown")) return replace.apply(this, nodes);
  const range = document.createRange();
  range.selectNode(this.ownerDocument.body);
  replace.call(this, range.createContextualFragment(html));
};
"""
"""Before any script of the page: what `safe-tree.ts` builds is thrown away."""

_TEXT_AS_HTML = """async () => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const host = document.createElement("div");
  while (texts.nextNode()) host.append(texts.currentNode.data, "<br>");
  host.innerHTML = host.textContent;
  const ended = (image) => new Promise((done) => image.addEventListener("error", done));
  await Promise.all(Array.from(host.querySelectorAll("img[src=x]"), ended));
}"""
"""What every text on the page would do if it were read as HTML."""

_NOT_HARMLESS = """(selector) => Array.from(
  document.querySelectorAll(selector),
  (root) => Array.from(root.querySelectorAll(
    "script, iframe, object, embed, img:not([src^='data:image/']),"
    + "svg:not([aria-hidden]), .chitl-markdown svg,"
    + "form[action], style, link, meta, base, video, audio,"
    + "[id]:not(input, select, textarea, label, p, span, fieldset, div),"
    + ".chitl-markdown :is([id], [name], [style]:not(math *)),"
    + "a[href]:not([href^='http'], [href^='mailto:'], [href^='#'], [href^='/'])"
  ), (one) => one.outerHTML),
).flat()"""

_COVERED = """(selector) => {
  const covered = [];
  for (const button of document.querySelectorAll(selector)) {
    button.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = button.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    if (!button.contains(hit)) covered.push(hit?.outerHTML ?? "nothing");
  }
  return covered;
}"""


class Witness:
    """Watches a page from before its first request."""

    def __init__(self, page: Page, own: str) -> None:
        self.page = page
        self.ran: list[str] = []
        self.called: list[str] = []
        self._own = urlsplit(own).netloc
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.context.on("page", lambda popup: self.called.append(popup.url))

    @staticmethod
    def lay_bare(context: BrowserContext) -> None:
        """Take the defence of Markdown away from every page that follows."""
        context.add_init_script(_MARKDOWN_AS_HTML)

    def read_texts_as_html(self) -> None:
        """Take the defence of every text away that the page now shows."""
        self.page.evaluate(_TEXT_AS_HTML)

    def harmful(self, within: str) -> list[str]:
        """Return the elements that no crew's words may make, as HTML."""
        found: list[str] = self.page.evaluate(_NOT_HARMLESS, within)
        return found

    def polluted(self) -> list[str]:
        """Return the names that were put into what every object of the page inherits."""
        names: list[str] = self.page.evaluate(
            "() => { const names = []; for (const name in {}) names.push(name); return names; }"
        )
        return names

    def covered(self, buttons: str) -> list[str]:
        """Return what lies over any of the buttons, as HTML."""
        found: list[str] = self.page.evaluate(_COVERED, buttons)
        return found

    def settle(self) -> None:
        """Wait until every picture that there should not be has failed, and said so."""
        complete = "() => Array.from(document.images).every((one) => one.complete)"
        self.page.wait_for_function(complete)
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
        )

    def _dialog(self, dialog: Dialog) -> None:
        self.ran.append(dialog.message)
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.netloc != self._own:
            self.called.append(request.url)

    def _failed(self, request: Request) -> None:
        """Forget what the page's policy, or the browser's own, has held back."""
        if request.failure in ("csp", "origin") and request.url in self.called:
            self.called.remove(request.url)
