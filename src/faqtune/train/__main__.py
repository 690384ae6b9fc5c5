"""`python -m faqtune.train` is `faqtune train`, by a name that launchers of several processes can start."""

import sys

from faqtune.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
