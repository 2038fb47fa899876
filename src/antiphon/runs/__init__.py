"""The loop: runs, their logs, and what becomes of them."""
