"""More files as people really have them: what other programs write, scripts of the world, labels of every type. Read right, or refused with the
remedy. Every file holds the same twenty rows unless its case says otherwise."""

import gzip
import io
import json

import pytest
from awkward import parquet, zipped

from steering.data import prepare
from steering.errors import DataError

TEXTS = [
    f"{word} came back about the {thing}" for word in ("nobody", "Zoë", "everyone", "the shop", "my aunt") for thing in ("lamp", "rug", "car", "bill")
]
LABELS = ["good" if i % 3 else "bad" for i in range(20)]
RECORDS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
CHATS = [[{"role": "user", "content": text}, {"role": "assistant", "content": f"Reply: {text}"}] for text in TEXTS]


def table(rows, delimiter=",", head=("text", "label"), end="\n"):
    return end.join(delimiter.join(row) for row in (head, *rows)) + end


PAIRS = list(zip(TEXTS, LABELS, strict=True))
PLAIN = table(PAIRS)


def labelled(*labels):
    return table((text, labels[i % len(labels)]) for i, text in enumerate(TEXTS))


def merged_title():
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Feedback of the last quarter"])
    sheet.merge_cells("A1:C1")
    sheet.append(["id", "text", "label"])
    for number, pair in enumerate(PAIRS):
        sheet.append([number, *pair])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


READ = {
    "Excel with a merged title over three columns": merged_title(),
    "UTF-16 without a mark, little end first": PLAIN.encode("utf-16-le"),
    "UTF-16 without a mark, big end first": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf" + PLAIN.encode(),
    "zero-width spaces in the header": PLAIN.replace("text,label", "\u200btext,\u200blabel").encode(),
    "Windows quotes and dashes": PLAIN.replace("came", "“came” – it’s").replace("Zoë", "Zo").encode("cp1252"),
    "tabs in a .csv": table(PAIRS, "\t").encode(),
    "tabs, with commas in the texts": table(((f"{text}, yes, really", label) for text, label in PAIRS), "\t").encode(),
    "a delimiter behind every row": PLAIN.replace("\n", ",\n").replace("label,", "label", 1).encode(),
    "a delimiter behind every line": PLAIN.replace("\n", ",\n").encode(),
    "a space before opening quotes": table(((f'"{text}, yes"', f'"{label}"') for text, label in PAIRS), ", ", ('"text"', '"label"')).encode(),
    "quotes escaped by backslashes": table((f'"{text}, he said \\"no\\""', label) for text, label in PAIRS).encode(),
    "inches, never closed": table((f'a 5" screen, {text}'.replace(",", ""), label) for text, label in PAIRS).encode(),
    "thousands separators": table(((*pair, '"1,234.50"') for pair in PAIRS), head=("text", "label", "amount")).encode(),
    "decimal commas": table(((*pair, "0,5") for pair in PAIRS), ";", ("text", "label", "score")).encode(),
    "lone CR": table(PAIRS, end="\r").encode(),
    "line separators inside": PLAIN.replace("came", "came\u2028").encode(),
    "comment lines above": b"# exported by a program\n# on a Monday\n" + PLAIN.encode(),
    "a total below": PLAIN.encode() + b"\nTotal,20\n",
    "the upper-case Excel line": b"SEP=;\r\n" + table(PAIRS, ";").encode(),
    "gzip under another name": gzip.compress(PLAIN.encode()),
    "a zip made on a Mac": zipped({"d/data.csv": PLAIN, "__MACOSX/d/._data.csv": b"\x00\x05\x16\x07", ".DS_Store": b"\x00"}),
    "objects printed for people": "\n".join(json.dumps(record, indent=2) for record in RECORDS).encode(),
    "objects without anything between": "".join(map(json.dumps, RECORDS)).encode(),
    "NaN in JSON": json.dumps([record | {"score": float("nan")} for record in RECORDS]).encode(),
    "NaN in every JSON line": "\n".join(json.dumps(record | {"score": float("nan")}) for record in RECORDS).encode(),
    "pandas, orient split": json.dumps({"columns": ["text", "label"], "index": [*range(20)], "data": [list(pair) for pair in PAIRS]}).encode(),
    "pandas, orient table": json.dumps({"schema": {"fields": [{"name": "text"}]}, "data": RECORDS}).encode(),
    "Parquet with a nested column": parquet(text=TEXTS, label=LABELS, meta=[{"a": i, "b": {"c": "x"}} for i in range(20)]),
    "Parquet with a column of lists": parquet(text=TEXTS, label=LABELS, tags=[["a", str(i)] for i in range(20)]),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_twenty_rows_are_read_as_they_are(name):
    made = prepare("f", READ[name])
    assert (made.mapping.text, made.mapping.label, made.mapping.kind) == ("text", "label", "classification")
    assert made.report.rows_usable == made.report.rows_read == 20 and made.report.labels == {"good": 13, "bad": 7}
    values = [example.values["text"] for example in made.examples]
    assert all(text.split()[-1] in value and "\ufeff" not in value for text, value in zip(TEXTS, values, strict=True))


LABELLED = {
    "dates": (labelled("2024-01-01", "2024-02-01"), {"2024-01-01": 10, "2024-02-01": 10}),
    "truth values": (labelled("True", "False"), {"False": 10, "True": 10}),
    "numbers with a point": (labelled("1.0", "2.0"), {"1.0": 10, "2.0": 10}),
    "spaces behind": (labelled("yes", "no ", "yes  ", "no"), {"no": 10, "yes": 10}),
    "no-break spaces behind": (labelled("yes", "no\u00a0"), {"no": 10, "yes": 10}),
    "emoji": (labelled("😀", "😡"), {"😀": 10, "😡": 10}),
    "right to left": (labelled("جيد", "سيئ"), {"جيد": 10, "سيئ": 10}),
    "none as a class": (labelled("none", "some"), {"none": 10, "some": 10}),
    "percentages": (labelled("0%", "50%"), {"0%": 10, "50%": 10}),
    "HTML entities": (labelled("R&amp;D", "sales"), {"R&amp;D": 10, "sales": 10}),
    "several in one cell": (labelled("a|b", "a"), {"a": 10, "a|b": 10}),
}


@pytest.mark.parametrize("name", LABELLED)
def test_labels_of_every_kind_are_classes(name):
    content, labels = LABELLED[name]
    made = prepare("f", content.encode())
    assert made.mapping.kind == "classification" and made.report.labels == labels


def test_one_number_written_in_two_ways_is_named():
    made = prepare("f", labelled("1", "1.0", "2").encode())
    (problem,) = [problem for problem in made.report.problems if problem.kind == "label_spellings"]
    assert set(problem.fixes[0].arguments) | set(problem.fixes[0].arguments.values()) == {"1", "1.0"}


@pytest.mark.parametrize("classes", [51, 60, 99])
def test_many_classes_are_still_classes(classes):
    rows = [(f"words of their own in row {i}", f"class{i % classes}") for i in range(classes * 6)]
    assert len(prepare("f", table(rows).encode()).report.labels) == classes


def in_parts(message):
    return message | {"content": [{"type": "text", "text": message["content"]}]}


def as_shared(message):
    return {"from": {"user": "human", "assistant": "gpt"}[message["role"]], "value": message["content"]}


GENERATED = {
    "messages": "\n".join(json.dumps({"messages": [{"role": "system", "content": "Be brief."}, *chat]}) for chat in CHATS).encode(),
    "messages in Parquet": parquet(messages=CHATS),
    "messages in parts": json.dumps([{"messages": [in_parts(chat[0]), chat[1]]} for chat in CHATS]).encode(),
    "ShareGPT": json.dumps([{"conversations": list(map(as_shared, chat))} for chat in CHATS]).encode(),
    "prompt and completion": "\n".join(json.dumps({"prompt": text, "completion": f"Reply: {text}"}) for text in TEXTS).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", GENERATED)
def test_conversations_become_prompt_and_completion(name):
    made = prepare("f", GENERATED[name])
    assert (made.mapping.text, made.mapping.label, made.mapping.kind) == ("prompt", "completion", "generation")
    assert [(e.values["prompt"], e.target) for e in made.examples] == [(text, f"Reply: {text}") for text in TEXTS]


def test_what_was_said_before_the_last_answer_is_the_prompt():
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "bye"}]
    rows = [{"messages": [*chat, {"role": "assistant", "content": f"goodbye {i}"}], "id": i} for i in range(20)]
    first = prepare("f", json.dumps(rows).encode(), text_column="prompt").table.rows[0]
    assert first.values == {"prompt": "user: hi\nassistant: hello\nuser: bye", "completion": "goodbye 0", "id": "0"}
    unanswered = json.dumps([{"messages": chat[:1], "label": label} for label in LABELS]).encode()
    assert prepare("f", unanswered).mapping.label == "label"


@pytest.mark.parametrize("column", ["references", "target"])
def test_lists_of_answers_are_answers(column):
    mixed = column == "target"
    rows = [{"text": text, column: f"one {text}" if mixed and i % 2 else [f"one {text}", f"two {text}"]} for i, text in enumerate(TEXTS)]
    made = prepare("f", "\n".join(map(json.dumps, [*rows, {"text": "none at all", column: []}])).encode())
    assert made.mapping.kind == "generation" and made.mapping.label == column and made.report.left_out["missing_label"] == 1
    assert made.examples[0].target == f"one {TEXTS[0]}" and made.examples[0].references == (f"two {TEXTS[0]}",)
    assert made.examples[1].references == (() if mixed else (f"two {TEXTS[1]}",))


COMMENTED = "begins with a comment, which JSON does not have. Delete the comments."
REFUSED = {
    "a NUL in a cell": (PLAIN.replace("my aunt", "my\0aunt").encode(), "there is a NUL byte on line 18. Export the table as CSV or JSON Lines."),
    "a header and nothing else": (b"text,label\n", "holds one line only, no rows below it."),
    "a single column": ("\n".join(["text", *TEXTS]).encode(), "has a single column"),
    "comments in JSON": (b"// mine\n" + json.dumps(RECORDS, indent=1).encode(), COMMENTED),
    "block comments in JSON": (b"/* mine\n */ " + json.dumps(RECORDS).encode(), COMMENTED),
    "a comma too many in JSON": (json.dumps(RECORDS, indent=1)[:-2].encode() + b",\n]", "not valid JSON: Expecting value on line 82, character 1."),
    "two objects and a list": (b'{"text": "a",\n "label": "b"}\n{"text": "c",\n "label": "d"}\n[1]', "there is more after the end on line 5"),
    "a table in HTML": (b"<table><tr><td>text</td></tr></table>", "is a web page or XML"),
    "text to label in one object": (json.dumps(dict(PAIRS)).encode(), "no column looks like a label (columns: nobody came back"),
    "two files in a zip": (zipped({"a.csv": PLAIN, "b.csv": PLAIN}), "holds 2 data files ('a.csv', 'b.csv'), expected one."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_remedy(name):
    content, said = REFUSED[name]
    with pytest.raises(DataError) as caught:
        prepare("f", content)
    assert said in str(caught.value) and caught.value.hint and len(str(caught.value)) < 900
