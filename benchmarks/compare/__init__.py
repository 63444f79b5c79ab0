"""Time and memory of `presswatch compare` over many rows."""
