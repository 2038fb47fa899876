"""Memory: what is kept, behind the store's ports."""
