"""What every test may use: pytest-jupyter's in-process server (`jp_fetch`, `jp_serverapp`).

Fixtures for one part (a real server process, a kernel, a browser) stand beside its tests.
"""

pytest_plugins = ["pytest_jupyter.jupyter_server"]
