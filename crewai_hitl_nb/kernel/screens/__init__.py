"""Where a question is shown in this process: under a cell, or at a terminal."""
