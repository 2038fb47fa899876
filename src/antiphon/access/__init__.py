"""Who may: what is asked of a request before anything is done for it."""
