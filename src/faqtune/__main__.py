"""`python -m faqtune`: the command line."""

from faqtune.cli import main

if __name__ == "__main__":
    main()
