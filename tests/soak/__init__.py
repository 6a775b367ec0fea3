"""Load for a long time: `make soak`; a short form of it runs with every other test."""
