"""Where the log of a program of ours goes: to stderr, as lines for people or as JSON.

What a line says is ``protocol/log_lines.py``'s; JSON is python-json-logger's, which the Jupyter
server brings: its fields are those of the line. A Jupyter server has its own ``logging_config``.
"""

import logging
from typing import Final

from crewai_hitl_nb.protocol.log_lines import clean

_LOGGER: Final = "crewai_hitl_nb"
_LIBRARIES: Final = ("asyncio", "tornado", "traitlets")
"""What a standalone server stands on; without a handler Python would write their warnings raw."""
_TEXT: Final = "%(asctime)s %(levelname)s %(message)s"
_JSON: Final = "{asctime}{levelname}{name}{message}"


def write_log(*, as_json: bool) -> None:
    """Write what this package logs, from INFO on, to stderr."""
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
