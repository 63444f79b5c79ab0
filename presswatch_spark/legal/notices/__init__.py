"""Notices: letters that request removal, their annexes, the rules that refuse them, and their states."""
