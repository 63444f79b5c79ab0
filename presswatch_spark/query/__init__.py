"""Queries over published tables: rows, SQL, exports, estimates, reservations."""
