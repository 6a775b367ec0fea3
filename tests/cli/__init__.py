"""The command line against a real server: in process, as a program, and on a terminal."""
