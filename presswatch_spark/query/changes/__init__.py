"""Two runs compared: the state of each copy, and where it is unknown."""
