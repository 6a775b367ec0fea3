"""The inbox page, and the files that make it installable."""

from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
"""The front end's built files."""

TEMPLATES: Final = Path(__file__).parent / "templates"
"""The HTML around them, for jinja2."""
