"""Uploads the files of a question before it is published.

``bridge/bridge.py`` uses it. A file that the server refuses is left out, and the question says so.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.kernel.bridge.pending import PendingRequest
from crewai_hitl_nb.kernel.files import File
from crewai_hitl_nb.protocol.errors import Settled, Unavailable
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)

LeftOut: TypeAlias = Callable[[HumanInputRequired, str, File, Exception], HumanInputRequired]
"""Returns a question without the file of one of its attachments, which the error kept away."""


def without(
    request: HumanInputRequired, attachment: str, file: File, error: Exception
) -> HumanInputRequired:
    """Return a question without an attachment, and do not say why."""
    kept = {name: one for name, one in request.attachments.items() if name != attachment}
    return msgspec.structs.replace(request, attachments=kept)


class Uploads:
    """Uploads files.

    Args:
        client: Talks to the server.
        left_out: What to do with a question whose file was refused.
    """

    def __init__(self, client: AsyncClient, left_out: LeftOut) -> None:
        self._client = client
        self._left_out = left_out

    async def upload(self, pending: PendingRequest) -> None:
        """Upload the files of a question, before it is published; again does no harm.

        Raises:
            Unavailable: The server cannot be reached.
        """
        for name, file in pending.files.items():
            if name not in pending.request.attachments:
                continue
            try:
                content = await asyncio.to_thread(file.read)
                await self._client.upload(
                    pending.request.request_id,
                    content,
                    name=file.name,
                    media_type=file.media_type,
                )
            except Unavailable:
                raise
            except Settled:  # the server has the question already, with its files
                return
            except Exception as error:  # noqa: BLE001 - a question must be asked without its file
                request_id = pending.request.request_id
                _log.warning("a file of request %s is not attached: %s", request_id, error)
                pending.request = self._left_out(pending.request, name, file, error)
