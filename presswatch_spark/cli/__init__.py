"""The command line: commands, their options, how they end, and how answers look on a terminal."""
