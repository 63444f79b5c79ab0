"""Judgement of a verified copy: whose page it is on, its grade, whose words they are, its row's letter."""
