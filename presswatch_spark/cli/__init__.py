"""The command line: commands, their options, their exit codes, and the layout of answers on a terminal."""
