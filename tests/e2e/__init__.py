"""Browser tests: JupyterLab in Chromium, as a person uses it."""
