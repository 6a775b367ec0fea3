"""What holds for every test: crewAI stays quiet and offline, wherever it is imported.

Fixtures for one part (a real server process, a kernel, a browser) stand beside its tests.
"""

import os

from tests.jupyter_process import QUIET_CREWAI

os.environ.update(QUIET_CREWAI)
