"""WHO ACTS: tools, and the files and pictures of a request.

Knows nothing of models or storage. `fetch` gets what stands at an address, `files` reads it.
"""
