"""Judgement of a verified copy: the owner of its page and of its words, its grade and its confidence.

`urls` also finds the original of a page that an archive, a cache or a translator serves; `passage_kinds`
finds the place of a passage in the page.
"""
