"""Encodings: proven or said to be guessed, and never letters lost in silence."""

import pytest
from awkward import TEXTS, csv_of, workbook, zipped

from steering.data import ReadOptions, prepare, read
from steering.errors import DataError

WORDS = {
    "cp1252": ("Die Rechnung für März fehlt noch, 20 €", "Rückgabe möglich?", "Grüße aus München"),
    "latin-1": ("Le colis est arrivé abîmé", "Très bon service, merci à l'équipe", "Où est ma commande passée hier ?"),
    "cp1250": ("Gdzie jest moja przesyłka, miała przyjść wczoraj", "Świetna obsługa, dziękuję bardzo", "Proszę zwrócić pieniądze"),
    "cp1251": ("Где мой заказ, он должен был прийти вчера", "Отличный сервис, спасибо большое", "Верните деньги за товар"),
    "koi8_r": ("Где мой заказ, он должен был прийти вчера", "Отличный сервис, спасибо большое", "Верните деньги за товар"),
    "gb18030": ("我的订单在哪里,昨天就应该到了", "服务非常好,谢谢", "请退款"),
    "big5": ("我的訂單在哪裡,昨天就應該到了", "服務非常好,謝謝", "請退款"),
    "cp932": ("注文した商品がまだ届きません。", "とても良いサービスでした、ありがとう。", "返金してください。"),
    "euc_jp": ("注文した商品がまだ届きません。", "とても良いサービスでした、ありがとう。", "返金してください。"),
    "cp949": ("주문한 상품이 아직 도착하지 않았어요", "서비스가 정말 좋네요 감사합니다", "환불해 주세요"),
    "cp1253": ("Πού είναι η παραγγελία μου", "Πολύ καλή εξυπηρέτηση", "Θέλω τα χρήματά μου πίσω"),
    "cp1254": ("Siparişim nerede, dün gelmesi gerekiyordu", "Hizmet çok iyi, teşekkürler", "Ürünü iade etmek istiyorum ığ"),
}


def rows_in(encoding):
    return [(text, f"class {i % 2}") for i, text in enumerate(WORDS[encoding] * 8)]


def found(content, **options):
    table = read("f", content, ReadOptions(**options))
    return table, {problem.kind: problem for problem in table.problems}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("times", [1, 8])
def test_legacy_encodings_are_guessed_and_said(encoding, times):
    pairs = rows_in(encoding)[: 3 * times]
    table, problems = found(csv_of(pairs, delimiter=";").encode(encoding))
    assert [row.values["text"] for row in table.rows] == [text for text, _ in pairs]
    assert table.encoding == {"latin-1": "cp1252"}.get(encoding, encoding)
    assert "this file is not UTF-8 and does not say what it is; it was read as " in problems["encoding_guessed"].message
    assert problems["encoding_guessed"].rows[0] == 2 and problems["encoding_guessed"].severity == "note"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_certain_encodings_are_not_called_guesses(encoding):
    table, problems = found(csv_of(rows_in("cp1251"), delimiter="\t").encode(encoding))
    assert (table.encoding, problems) == (encoding, {}) and table.rows[0].values["text"] == WORDS["cp1251"][0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("words", ["cp1252", "cp1251", "gb18030"])
def test_utf16_without_mark(encoding, words):
    table, problems = found(csv_of(rows_in(words), delimiter=";").encode(encoding))
    assert table.encoding == encoding and "recognised by its zero bytes" in problems["encoding_guessed"].message


@pytest.mark.parametrize("word", ["für", "naïve", "Ærø"])
def test_one_odd_letter_is_western(word):
    table, problems = found((csv_of() + f"{word},good\n").encode("latin-1"))
    assert table.rows[-1].values["text"] == word
    assert problems["encoding_guessed"].message.endswith("it was read as Western European (Windows-1252), a guess (line 22).")


def test_bytes_that_windows_does_not_know():
    table, _ = found((csv_of() + "für \x81,good\n").encode("latin-1"))
    assert (table.encoding, table.rows[-1].values["text"]) == ("latin-1", "für \x81")


def test_two_exports_pasted_together():
    content = csv_of([(f"für {text}", "a" if i % 2 else "b") for i, text in enumerate(TEXTS)]).encode() + "später,a\n".encode("cp1252")
    table, problems = found(content)
    assert table.encoding == "utf-8" and table.rows[-1].values["text"] == "später"
    assert (
        problems["mixed_encoding"].message == "most of this file is UTF-8, but 1 line holds other bytes (line 22); those were read as Windows-1252."
    )


def test_a_letter_cut_off_at_the_end_is_said():
    content = csv_of([(f"für {text}", "ä" if i % 2 else "b") for i, text in enumerate(TEXTS)]).encode() + "x,ä".encode()[:-1]
    assert found(content)[1]["lost_characters"].rows == (22,)


def test_an_encoding_can_be_chosen():
    content = csv_of(rows_in("cp1251"), delimiter=";").encode("cp1251")
    table, problems = found(content, encoding="latin-1")
    assert table.encoding == "latin-1" and "encoding_guessed" not in problems
    with pytest.raises(DataError, match=r"'f' is not utf-8: byte 0xc3 on line 2 is not valid\. Choose another encoding"):
        found(content, encoding="utf-8")
    for name in ("klingon", "base64", "a\0b"):
        with pytest.raises(DataError, match="is no text encoding that is known"):
            found(content, encoding=name)


def test_folders_of_old_files_are_guessed_together():
    files = {f"{'gut' if i % 2 else 'schlecht'}/{i}.txt": text.encode("cp1252") for i, (text, _) in enumerate(rows_in("cp1252"))}
    table, problems = found(zipped(files))
    assert table.encoding == "cp1252" and any("März" in text for text in table.column("text"))
    assert problems["encoding_guessed"].message.startswith("24 files are not UTF-8; read as Western European (Windows-1252), a guess.")


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"])
def test_line_numbers_of_odd_bytes_are_those_of_an_editor(newline):
    content = newline.join([b"text,label", b"plain,x", b"", b"f\xfcr,y", b"plain,x", b"gr\xfcn,y", b""])
    assert found(content)[1]["encoding_guessed"].rows == (4, 6)


def test_binary_formats_need_no_guess():
    made = prepare("f", workbook([["text", "label"], *rows_in("gb18030")]))
    assert made.table.encoding == "binary" and made.table.rows[0].values["text"] == WORDS["gb18030"][0]
