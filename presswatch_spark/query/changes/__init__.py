"""The comparison of two runs: the state of each copy, and the places where it is unknown."""
