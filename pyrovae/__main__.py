"""``python -m pyrovae``."""

import os
import sys

if __name__ == "__main__":
    # ``python -m`` looks for modules in the working directory first: a file that lies there must
    # not stand in for one that is meant, nor for one that is looked for and not installed. From
    # a clone that is not installed, the package itself is found there.
    if not sys.flags.safe_path:
        here = sys.path.pop(0)
        if os.path.dirname(os.path.dirname(__file__)) == here and here not in sys.path:
            sys.path.append(here)

    from pyrovae.cli import main

    sys.exit(main())
