"""``requests/{id}/files…``: takes a file of a request, and gives one back.

Whatever a file holds, nothing in it runs here: a page that is opened at its address is a download,
has no type that a browser draws, and is in a sandbox without an origin.
"""

import asyncio
import base64
import binascii
import re
from typing import Final
from urllib.parse import quote

from tornado import web

from crewai_hitl_nb.protocol import files
from crewai_hitl_nb.protocol.errors import BadRequest
from crewai_hitl_nb.protocol.files import FileReference, clean_media_type, clean_name
from crewai_hitl_nb.protocol.ids import complaint
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.store.blob_folder import hash_of
from crewai_hitl_nb.store.files import Upload

_DIGEST: Final = re.compile(r"\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*", re.ASCII)
_FORM: Final = "application/x-www-form-urlencoded"
"""What curl says of a body of which it was told nothing."""

_ENVELOPE: Final = "multipart/form-data"
"""A form with files: stored as it is, it would be no file that anybody sent."""

_INERT: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The content of an address never changes; who may read it does.
    "Cache-Control": "private, no-cache",
}


class UploadHandler(HitlHandler):
    """Takes the files of a request."""

    @web.authenticated
    async def post(self, request_id: str) -> None:
        """Keep the body as a file and reply with the reference to it."""
        await self._check_permission(request_id)
        self.services.limiter.take("upload", self.caller)
        said = self.request.headers.get("Content-Type", "")
        if said.lower().startswith(_ENVELOPE):
            raise BadRequest(
                "a file is the body itself, without a form around it: `curl --data-binary @FILE`"
                " and not `-F`"
            )
        coding = self.request.headers.get("Content-Encoding", "identity")
        if coding.lower() != "identity":
            raise BadRequest(f"a file is kept as it is sent: send it without `{coding}`")
        content = self.body
        sha256 = await asyncio.get_running_loop().run_in_executor(None, hash_of, content)
        check_digest(self.request.headers.get_list("Content-Digest"), sha256)
        reference = FileReference(
            name=clean_name(self.get_query_argument("name", "")),
            media_type=_media_type(said),
            size=len(content),
            sha256=sha256,
        )
        await self.broker.files.keep(
            Upload(request_id=request_id, sha256=sha256, content=content, by=self.caller)
        )
        self.set_status(201)
        self.reply(reference)

    async def _check_permission(self, request_id: str) -> None:
        """Let in who may answer or publish; before a request is asked, who may publish.

        Raises:
            BadRequest: No request can have this id.
            Forbidden: They may do neither.
            Settled: The request is closed.
        """
        if await self.broker.files.is_asked(request_id):
            if not await self.may("execute"):
                await self.require("write")
            return
        await self.require("write")
        if (wrong := complaint(request_id)) is not None:
            raise BadRequest(wrong)


class FileHandler(HitlHandler):
    """Gives a file of a request."""

    @needs("read")
    async def get(self, request_id: str, sha256: str) -> None:
        """Return the content, as a download."""
        self.services.limiter.take("read", self.caller)
        reference = await self.broker.files.reference(request_id, sha256)
        self._say_what_it_is(reference)
        if self.check_etag_header():
            self.set_status(304)
            await self.finish()
            return
        await self.room()
        content = await self.broker.files.content(request_id, sha256)
        self._say_what_it_is(reference)
        self.counted(self.finish(content, set_content_type=files.ANY_BYTES), len(content))

    def _say_what_it_is(self, reference: FileReference) -> None:
        self.set_header("ETag", f'"{reference.sha256}"')
        self.set_header("Content-Disposition", disposition(reference.name))
        for name, value in _INERT.items():
            self.set_header(name, value)


def disposition(name: str) -> str:
    """Return the header by which a browser saves a file under a name (RFC 6266, RFC 8187)."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def check_digest(said: list[str], sha256: str) -> None:
    """Compare the digest that a sender gave with the content that arrived (RFC 9530).

    Other algorithms than SHA-256 are ignored, as the RFC allows.

    Raises:
        BadRequest: It is of another content, or is not a digest.
    """
    for one in ",".join(said).split(","):
        if not one.strip().startswith("sha-256"):
            continue
        found = _DIGEST.fullmatch(one)
        try:
            digest = base64.b64decode(found[1], validate=True) if found else b""
        except binascii.Error:
            digest = b""
        if len(digest) != 32:
            raise BadRequest("`Content-Digest` must be `sha-256=:<base64 of 32 bytes>:`")
        if digest.hex() != sha256:
            raise BadRequest(
                "the content does not have the digest that `Content-Digest` says; send it again"
            )


def _media_type(said: str) -> str:
    return files.ANY_BYTES if said.startswith(_FORM) else clean_media_type(said)
