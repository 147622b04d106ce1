"""``python -m steering``: see cli.py."""

from steering.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
