"""Sealed evidence: claims with their records in a bag that anyone can check, and no one can change unseen."""
