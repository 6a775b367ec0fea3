"""``python -m crewai_hitl_nb.cli`` is ``crewai-hitl``."""

from crewai_hitl_nb.cli.main import main

main()
