"""A person's own validation and test files beside the main one: their rows are theirs, and what the files share is said."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from steering.data.cleaning import text_of
from steering.data.examples import by_severity
from steering.data.groups import shared_problem
from steering.data.near import NearDuplicates, find_near_duplicates
from steering.data.prepare import Prepared
from steering.data.report import detectable_gap_points
from steering.data.table import at_lines, make_problem, plural, problem_of_count
from steering.spec import SIDES, Example, Problem, Side


def with_own_files(main: Prepared, own: Mapping[Side, Prepared], *, near: NearDuplicates | bool = True) -> Prepared:
    """The main file together with the person's own files, each prepared with ``fixed=side`` and the same mapping and fixes.

    A text that is also in an own file belongs to that file's side, and one that is in the own test file is a test row whatever else holds it.
    Rows of the main file that only resemble one of an own file stay, with a warning. The numbers of rows read and left out are the main file's.
    ``near``: whether to look for those, or what was found among the rows of all files before.
    """
    examples = {example.key: example for example in main.examples}
    for side in ("validation", "test"):  # in this order: what is tested is not tuned on either
        if side in own:
            examples |= {example.key: example for example in own[side].examples}
    said = [*_shared(main, own), *_labels(main, own), *(_resembling(main, own, near) if near else [])]
    sides: dict[str, int] = {side: sum(example.side == side for example in examples.values()) for side in SIDES}
    report = replace(
        main.report,
        sides=sides,
        problems=tuple(by_severity([*main.report.problems, *said])),
        detectable_gap_points=detectable_gap_points(sides["test"]),
    )
    return replace(main, examples=tuple(examples.values()), report=report)


def _shared(main: Prepared, own: Mapping[Side, Prepared]) -> list[Problem]:
    theirs = {example.key for made in own.values() for example in made.examples}
    lines = [example.row for example in main.examples if example.key in theirs]
    both = {e.key for e in own["test"].examples} & {e.key for e in own["validation"].examples} if len(own) > 1 else set()
    found = [shared_problem(lines, len(lines), "your files")] if lines else []
    if both:
        message = f"{plural(len(both), 'text is', 'texts are')} in your validation file and in your test file."
        found.append(problem_of_count("shared_own_texts", "warning", len(both), message, "They are used for testing only."))
    return found


def _labels(main: Prepared, own: Mapping[Side, Prepared]) -> Iterable[Problem]:
    """Labels that nothing is trained on: no method can get these rows right."""
    if main.mapping.kind != "classification":
        return
    for side, made in own.items():
        odd = {label: count for label, count in made.report.labels.items() if label not in main.report.labels}
        if odd:
            shown = ", ".join(f"{label!r} ({count})" for label, count in list(odd.items())[:5])
            lines = [example.row for example in made.examples if example.target in odd]
            message = f"{plural(len(odd), 'label')} of your {side} file that the main file does not have: {shown}."
            yield make_problem("unknown_labels", "warning", lines, message, "Rename them there as in the main file, or add training rows for them.")


def _resembling(main: Prepared, own: Mapping[Side, Prepared], near: NearDuplicates | bool) -> list[Problem]:
    """Rows of the main file that are nearly the same as one of an own file."""
    theirs = {example.key: text_of(example, made.mapping) for made in own.values() for example in made.examples}
    mine: dict[str, Example] = {example.key: example for example in main.examples if example.key not in theirs}
    texts = {key: text_of(example, main.mapping) for key, example in mine.items()}
    found = find_near_duplicates([*theirs, *texts], [*theirs.values(), *texts.values()]) if isinstance(near, bool) else near
    lines = [mine[key].row for group in found.groups if not theirs.keys().isdisjoint(group) for key in group if key in mine]
    if not lines:
        return []
    message = f"{plural(len(lines), 'row')} of the main file nearly the same as a row of your own files {at_lines(lines)}."
    hint = "Training on them makes the test easier than it is; delete them from the main file."
    return [make_problem("near_own", "warning", lines, message, hint)]
