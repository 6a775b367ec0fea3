"""Counts what is alive in a page, after the browser has collected its garbage."""

from typing import Any

from playwright.sync_api import Page

_VNODES = "function () { return this.filter((one) => Object.hasOwn(one, '__k')).length; }"
"""Preact's builds name a node's children so."""


def vnodes(page: Page) -> int:
    """Return how many nodes of Preact's trees can be reached in a page in Chromium."""
    devtools = page.context.new_cdp_session(page)

    def send(method: str, **params: Any) -> dict[str, Any]:
        result: dict[str, Any] = devtools.send(method, params)
        return result

    prototype = send("Runtime.evaluate", expression="Object.prototype")["result"]
    found = send("Runtime.queryObjects", prototypeObjectId=prototype["objectId"])  # collects first
    counted = send(
        "Runtime.callFunctionOn",
        objectId=found["objects"]["objectId"],
        functionDeclaration=_VNODES,
        returnByValue=True,
    )
    devtools.detach()
    return int(counted["result"]["value"])
