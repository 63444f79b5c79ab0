"""What a notice can be given: laws, languages of the letter, and answers to it."""

LAWS = ("fr", "dsa16", "dmca512", "optout")
LANGUAGES = ("fr", "en")
ANSWERS = ("acknowledged", "says_complied", "refused")
"""What an answer can be. That a recipient says that it complied removes nothing."""
