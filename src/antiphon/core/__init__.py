"""The grammar: items, requests, responses, events and how they become one another.

Nothing here does I/O, reads a clock or draws a random number.
"""
