"""What is offered for a file's other columns: samples, texts to join, groups, names for numeric labels, further right answers."""

import json
from pathlib import Path

import pytest

from steering.data import CHECKS, FIXES, READERS, REASONS, describe, guess, prepare, read
from steering.errors import DataError

TITLES = [f"Parcel {i} is late" for i in range(40)]
BODIES = [f"I have been waiting for number {i} since last week and nobody answers my letters" for i in range(40)]
LABELS = ["complaint" if i % 2 else "question" for i in range(40)]


def csv(**columns):
    return "\n".join(["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))]).encode()


def test_every_column_has_samples_and_figures():
    table = read("f", csv(text=BODIES, label=LABELS, note=["x" * 200, *[""] * 39]))
    columns = describe(table)
    assert columns["text"].samples == tuple(BODIES[:3]) and columns["label"].samples == ("question", "complaint")
    assert columns["note"].samples == ("x" * 119 + "…",) and columns["note"].filled == 1 / 40
    assert (columns["label"].few, columns["label"].distinct, columns["text"].mean_words) == (True, 2 / 40, 15.0)
    details = prepare("f", csv(text=BODIES, label=LABELS)).report.as_dict()["column_details"]
    assert [item["name"] for item in details] == ["text", "label"] and details[1]["samples"] == ["question", "complaint"]


@pytest.mark.parametrize(
    ("columns", "join"),
    [
        ({"title": TITLES, "body": BODIES, "label": LABELS}, ("title", "body")),
        ({"label": LABELS, "Description": BODIES, "Subject": TITLES}, ("Subject", "Description")),
        ({"premise": BODIES, "statement": TITLES, "label": LABELS}, ("premise", "statement")),
        ({"text": BODIES, "label": LABELS, "author": [f"Ann Smith {i}" for i in range(40)]}, ()),
        ({"text": BODIES, "label": LABELS, "comment": [*TITLES[:5], *[""] * 35]}, ()),
        ({"text": BODIES, "label": LABELS, "title": ["News"] * 40}, ()),
        ({"text": BODIES, "label": LABELS}, ()),
    ],
)
def test_texts_to_join(columns, join):
    suggestions = prepare("f", csv(**columns)).report.suggestions
    assert suggestions.join == join
    assert suggestions.template == ("\n".join(f"{{{name}}}" for name in join) if join else "{text}")


def test_texts_without_names_may_belong_together():
    content = "\n".join(f'"{i % 4}","{title}","{body}"' for i, (title, body) in enumerate(zip(TITLES, BODIES, strict=True))).encode()
    made = prepare("f", content)
    assert made.report.suggestions.join == ("column_2", "column_3") and made.mapping.text == "column_3"
    assert made.report.suggestions.label_words == {str(i): f"class {i}" for i in range(4)}


def test_joined_texts_are_one_text():
    titles = ["Same title", *TITLES[1:], "Same title", ""]
    content = csv(title=titles, body=[*BODIES, "Another text below it", ""], label=[*LABELS, "complaint", "question"])
    made = prepare("f", content, join=("title", "body"))
    assert (made.mapping.join, made.mapping.text, made.report.suggestions.join) == (("title", "body"), "body", ())
    assert made.report.left_out["conflicts"] == 0 and made.report.left_out["missing_text"] == 1
    assert prepare("f", content, text_column="title").report.left_out["conflicts"] == 2  # the title alone would be
    assert "'title', 'body'" in next(problem.message for problem in made.report.problems if problem.kind == "missing_text")
    assert prepare("f", content, join=("body",)).mapping == prepare("f", content, text_column="body").mapping


def test_columns_that_cannot_be_joined():
    content = csv(title=TITLES, body=BODIES, label=LABELS)
    with pytest.raises(DataError, match="the text column 'title' is not among the columns to join"):
        prepare("f", content, text_column="title", join=("body",))
    with pytest.raises(DataError, match="column 'label' is the label and cannot be a part of the text"):
        prepare("f", content, join=("body", "label"), label_column="label")
    with pytest.raises(DataError, match=r"column 'bdy' is not in the file .* Did you mean 'body'\?"):
        prepare("f", content, join=("title", "bdy"))


def test_the_column_that_says_train_or_test_is_not_the_label():
    split = ["train" if i % 3 else "test" for i in range(40)]
    mapping = guess(read("f", csv(foo=BODIES, split=split, bar=LABELS)))
    assert (mapping.text, mapping.label) == ("foo", "bar")


@pytest.mark.parametrize("name", ["label_text", "meaning"])
def test_numeric_labels_take_their_names_from_the_column_beside_them(name):
    content = csv(**{"text": BODIES, "label": [i % 2 for i in range(40)], name: [["Not_spam", "Spam"][i % 2] for i in range(40)]})
    made = prepare("f", content, label_column="label")
    assert made.report.suggestions.label_words == {"0": "not spam", "1": "spam"}
    (fix,) = next(problem for problem in made.report.problems if problem.kind == "numeric_labels").fixes
    assert fix.arguments == {"0": "Not_spam", "1": "Spam"} and fix.sentence == "Name them Not_spam, Spam"
    assert prepare("f", content, label_column="label", fixes=(fix,)).report.labels == {"Not_spam": 20, "Spam": 20}


def test_numbers_without_such_a_column_are_not_interpreted():
    made = prepare("f", csv(text=BODIES, label=[i % 2 for i in range(40)], mixed=[i % 3 and "b" for i in range(40)]))
    assert made.report.suggestions.label_words == {"0": "class 0", "1": "class 1"}
    assert next(problem for problem in made.report.problems if problem.kind == "numeric_labels").fixes == ()


@pytest.mark.parametrize(
    ("values", "suggested"),
    [([f"c{i % 9}" for i in range(40)], ("customer_id",)), (list(range(40)), ()), (["x"] * 30 + list("abcdefghij"), ()), ([""] * 40, ())],
)
def test_columns_that_may_be_groups(values, suggested):
    assert prepare("f", csv(text=BODIES, label=LABELS, customer_id=values)).report.suggestions.group_columns == suggested


def test_several_right_answers_become_one_example():
    rows = [{"input": f"facts about place {i // 2}", "target": f"sentence number {i} about the place"} for i in range(40)]
    made = prepare("f", "".join(json.dumps(row) + "\n" for row in rows).encode())
    assert (made.report.rows_read, made.report.rows_usable, made.report.left_out["other_answers"]) == (40, 20, 20)
    assert [(example.target, example.references) for example in made.examples[:1]] == [(rows[0]["target"], (rows[1]["target"],))]


def test_a_column_of_references_is_read_and_kept_from_the_template():
    rows = [
        {"input": f"facts about place {i}", "target": f"sentence {i} about it", "references": [f"sentence {i} about it", f"other {i}"]}
        for i in range(20)
    ]
    made = prepare("f", "".join(json.dumps(row) + "\n" for row in rows).encode(), kind="generation")
    assert made.mapping.references == "references"
    assert made.examples[3].references == ("other 3",) and made.examples[3].values == {"input": "facts about place 3"}
    odd = [row | {"references": "none"} for row in rows]
    assert prepare("f", "".join(json.dumps(row) + "\n" for row in odd).encode(), kind="generation").mapping.references == ""


def test_the_report_is_plain_json():
    made = prepare("f", csv(title=TITLES, body=BODIES, label=LABELS, customer=[f"c{i % 9}" for i in range(40)]), near=True)
    report = json.loads(json.dumps(made.report.as_dict()))
    assert report["suggestions"]["join"] == ["title", "body"] and report["suggestions"]["group_columns"] == ["customer"]
    assert all(set(problem) == {"kind", "severity", "count", "rows", "message", "hint", "fixes"} for problem in report["problems"])


def test_the_page_of_the_docs_names_everything():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert [name for name in (*READERS, *CHECKS, *FIXES, *REASONS) if f"`{name}`" not in page] == []
