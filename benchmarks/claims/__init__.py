"""Time and memory of `presswatch claims` over many rows."""
