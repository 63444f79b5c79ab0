"""Repeated requests: the pause after a failure, and answers whose bodies broke off."""
