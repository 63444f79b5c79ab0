"""Judgement of a verified copy: the owner of its page and of its words, its grade and its confidence."""
