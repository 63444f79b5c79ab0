"""Notices: letters that request removal, their annexes, the rules that refuse them, and their states.

`laws` lists the elements of each law and the deadlines, `letter` writes them, and `states` derives what
follows from events. The wording is in `conf/laws.yaml`.
"""
