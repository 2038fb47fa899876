"""Memory: what is kept, behind the store's ports.

`memory` and `sqlite` are the engines; the rest are their parts.
"""
