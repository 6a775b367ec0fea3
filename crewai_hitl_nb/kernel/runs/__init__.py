"""What a run is: where it began, how it is stopped, and one that goes on in the background."""
