"""Prompt Steering Studio: ``python app.py``. See ``--help``, or steering/ui/app.py."""

from steering.ui.app import main

if __name__ == "__main__":
    main()
