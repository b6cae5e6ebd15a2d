"""``python -m pyrovae``."""

import sys

if __name__ == "__main__":
    # ``python -m`` looks for modules in the working directory first: a file that lies there must
    # not stand in for one that is meant.
    if not sys.flags.safe_path and len(sys.path) > 1:
        sys.path.append(sys.path.pop(0))

    from pyrovae.cli import main

    sys.exit(main())
