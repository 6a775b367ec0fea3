"""What a run is: where it began, how it is stopped, and the time that people take in it."""
