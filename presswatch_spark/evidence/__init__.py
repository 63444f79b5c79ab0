"""Sealed evidence: claims with their records in a bag that anybody checks and nobody changes unseen."""
