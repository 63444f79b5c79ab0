"""Settings: what may be set, what each may hold, and the layers that set it."""
