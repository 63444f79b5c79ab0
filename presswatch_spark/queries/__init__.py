"""What is asked of published tables: rows, SQL, estimates, two runs side by side, reservations."""
