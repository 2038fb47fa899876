"""`python -m antiphon`: the command line, for where its script isn't on the path.

Knows nothing more than that.
"""

from antiphon.cli import main

if __name__ == "__main__":
    main()
