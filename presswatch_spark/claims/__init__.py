"""Claims: rows, judged by rights, mandates, licences, other honest sources and verdicts of people."""
