"""Shows questions in this process: as cards under cells, or at a terminal."""
