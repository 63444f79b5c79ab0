"""What a verified copy amounts to: whose page it is on, its grade, and the letter of its row."""
