"""Web sites: objects on HTTP, the connections to them, and good manners toward them."""
