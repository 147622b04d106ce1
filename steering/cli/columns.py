"""Arguments that several verbs have."""

import argparse

from steering.spec import SCORINGS


def columns(parser: argparse.ArgumentParser) -> None:
    """Which columns, and how large a file may be."""
    parser.add_argument("--text-column")
    parser.add_argument("--label-column")
    parser.add_argument("--max-mb", type=float, help="largest file that is read, in MB (default 50)")
    parser.add_argument("--max-rows", type=int, help="most rows that are read (default 200,000)")


def scoring(parser: argparse.ArgumentParser) -> None:
    """Which of label word and input is scored given the other; empty: as the task has it."""
    parser.add_argument(
        "--scoring", choices=SCORINGS, default="", help="direct: the label word behind the input; channel: the input behind each label"
    )
