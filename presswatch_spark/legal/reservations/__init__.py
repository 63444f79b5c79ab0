"""Files that a publisher serves to reserve uses of its pages."""
