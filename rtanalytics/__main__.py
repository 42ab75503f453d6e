"""Entry point of ``python -m rtanalytics``."""

from rtanalytics.cli import main

if __name__ == "__main__":
    main()
