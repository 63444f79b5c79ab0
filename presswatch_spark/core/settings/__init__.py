"""Settings: their declarations, and the layers that set them."""
