"""Arguments that every verb with a data file has."""

import argparse


def columns(parser: argparse.ArgumentParser) -> None:
    """Which columns, and how large a file may be."""
    parser.add_argument("--text-column")
    parser.add_argument("--label-column")
    parser.add_argument("--max-mb", type=float, help="largest file that is read, in MB (default 50)")
    parser.add_argument("--max-rows", type=int, help="most rows that are read (default 200,000)")
