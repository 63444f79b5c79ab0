"""Claims: rows, judged by rights, mandates, licences, other honest sources and verdicts of people.

The sentences of their reasons are in `tables/confidence_reasons.py`.
"""
