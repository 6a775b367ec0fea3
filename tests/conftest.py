"""What holds for every test: crewAI stays quiet and offline, wherever it is imported.

Fixtures for one part (a real server process, a kernel, a browser) stand beside its tests.
"""

import os

from hypothesis import HealthCheck, settings

from tests.jupyter_process import QUIET_CREWAI

os.environ.update(QUIET_CREWAI)

# Durations of generated examples say nothing on a shared machine.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
