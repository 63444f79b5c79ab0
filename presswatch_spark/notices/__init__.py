"""Notices: letters that ask for removal, their annexes, what refuses them, and what became of them."""
