"""``HumanInputServer`` as users know it: the standalone server and this process's crews.

The one place above both halves: it joins the server (``server/standalone.py``) with the
bridge (``kernel/``), so that a crew in the same process needs no further setup, as the
event-streaming guide's integration example shows. Without crewAI it is the server alone.
"""

import sys
from typing import Any

from crewai_hitl_nb.server import standalone


class HumanInputServer(standalone.HumanInputServer):
    """Serve human-input events, including those of this process's crews.

    Its parameters and methods are those of
    :class:`crewai_hitl_nb.server.standalone.HumanInputServer`. Where crewAI was imported,
    the human input of this process's crews goes to this server from its construction on
    (with ``port=0``: from its start on), unless ``enable()`` named a server before.
    :meth:`stop` puts that back.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bridged = False
        # Before the start: the guide starts the server on a thread and kicks the crew off in the
        # next line. The bridge waits until the server listens.
        if self.port:
            self._bridge()

    async def _begin(self) -> None:
        try:
            await super()._begin()
        except BaseException:
            self._unbridge()
            raise
        self._bridge()

    async def _close(self) -> None:
        self._unbridge()
        await super()._close()

    def _bridge(self) -> None:
        if self._bridged or "crewai" not in sys.modules:
            return
        from crewai_hitl_nb import kernel

        if not kernel.is_enabled():
            kernel.enable_quietly(self.url, self.kernel_key)
            self._bridged = True

    def _unbridge(self) -> None:
        if self._bridged:
            from crewai_hitl_nb import kernel

            self._bridged = False
            kernel.disable()
