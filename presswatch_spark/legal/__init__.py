"""Documents of selected claims: evidence, notices, removal, report, review; and packs of reservations."""
