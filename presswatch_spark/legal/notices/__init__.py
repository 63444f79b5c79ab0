"""Notices: letters that ask for removal, their annexes, the rules that refuse them, and their states."""
