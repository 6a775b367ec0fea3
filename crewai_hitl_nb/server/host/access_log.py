"""The access log: one line for each request, the same for every handler.

Jupyter's own access log (``jupyter_server.log``) writes the complete address and the caller's
``Referer``. Of both only the path is needed, and it is cleaned like everything that we log. A
standalone server writes the line here; in a Jupyter server a filter cleans the host's line.
"""

import logging
import re
from http import HTTPStatus

from tornado import web

from crewai_hitl_nb.protocol.log_lines import clean, logger

_log = logger(__name__)
_QUERY = re.compile(r"\?[^\s?]+")


def clean_host_line(record: logging.LogRecord) -> bool:
    """Clean a log record of the host and remove the query of each address; a logging filter."""
    clean(record)
    record.msg = _QUERY.sub("?", record.getMessage())
    return True


def log_request(handler: web.RequestHandler) -> None:
    """Write the line, at DEBUG for a request that succeeded."""
    request = handler.request
    status = handler.get_status()
    _log.log(
        _level(status),
        "%d %s %s (%s) %.2fms",
        status,
        request.method,
        request.path,
        request.remote_ip,
        1000 * request.request_time(),
    )


def _level(status: int) -> int:
    if status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_MODIFIED:
        return logging.DEBUG
    if status < HTTPStatus.BAD_REQUEST:
        return logging.INFO
    return logging.WARNING if status < HTTPStatus.INTERNAL_SERVER_ERROR else logging.ERROR
