"""The law: what each service's contract allows, and how it tells what it refuses (DESIGN §6).

Knows nothing of HTTP, of models or of what is stored.
"""
