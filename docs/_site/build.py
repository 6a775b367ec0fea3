"""Builds the documentation site: lays out its sources and runs Sphinx, warnings as errors.

``make docs`` runs the notebooks first and checks the result; this file alone builds in seconds
and shows the notebooks as they were run last, or without outputs.
"""

import argparse
import shutil
import sys
from pathlib import Path

from pages import REPOSITORY, write_pages
from sphinx.cmd.build import build_main

BUILD = REPOSITORY / "build" / "docs"


def main() -> int:
    """Build the site and return the process's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--executed", type=Path, default=BUILD / "executed", metavar="FOLDER")
    parser.add_argument("--to", type=Path, default=BUILD, metavar="FOLDER")
    arguments = parser.parse_args()
    source, site = arguments.to / "source", arguments.to / "html"
    for folder in (source, site):
        shutil.rmtree(folder, ignore_errors=True)
    arguments.to.mkdir(parents=True, exist_ok=True)
    write_pages(source, arguments.executed)
    conf = str(Path(__file__).parent)
    strict = ["-W", "--keep-going", "-q", "-E", "-d", str(arguments.to / "doctrees")]
    code = build_main(["-b", "html", *strict, "-c", conf, str(source), str(site)])
    if code == 0:
        sys.stdout.write(f"{site / 'index.html'}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
