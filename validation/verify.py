"""`python -m validation.verify BUNDLE`: verify a proof of GPU on a CPU."""

import sys

from validation.verifier.command import main

if __name__ == "__main__":
    sys.exit(main())
