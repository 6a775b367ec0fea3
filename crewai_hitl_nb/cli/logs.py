"""Writes the log of ``crewai-hitl serve`` to stderr, as text or as JSON lines.

``protocol/log_lines.py`` defines the content of a line. python-json-logger, a dependency of
jupyter-server, writes the JSON, with the same fields. Inside a Jupyter server, the server's own
``logging_config`` applies instead.
"""

import logging
from typing import Final

from crewai_hitl_nb.protocol.log_lines import clean

_LOGGER: Final = "crewai_hitl_nb"
_LIBRARIES: Final = ("asyncio", "tornado", "traitlets")
"""Libraries of a standalone server; without a handler Python prints their warnings unformatted."""
_TEXT: Final = "%(asctime)s %(levelname)s %(message)s"
_JSON: Final = "{asctime}{levelname}{name}{message}"


def write_log(*, as_json: bool) -> None:
    """Write this package's log, from level INFO up, to stderr."""
    handler = logging.StreamHandler()
    if as_json:
        from pythonjsonlogger.json import JsonFormatter

        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter(_JSON, style="{", rename_fields=names))
    else:
        handler.setFormatter(logging.Formatter(_TEXT))
    handler.addFilter(clean)  # Tornado's and asyncio's lines as well as ours
    for name in (_LOGGER, *_LIBRARIES):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.setLevel(logging.INFO if name == _LOGGER else logging.WARNING)
        log.propagate = False
