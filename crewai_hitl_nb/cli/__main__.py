"""Runs ``crewai-hitl`` as ``python -m crewai_hitl_nb.cli``."""

from crewai_hitl_nb.cli.main import main

main()
