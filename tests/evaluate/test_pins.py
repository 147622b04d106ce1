"""What "kept" means, and how it is said."""

from steering.evaluate.pins import is_kept, kept_words, of_contestant, ruling


def test_an_answer_is_kept_where_it_is_one_of_the_right_ones():
    assert is_kept(" yes\n", ("yes", "Yes.")) and not is_kept("ye", ("yes",)) and not is_kept("", ())


def test_only_rows_that_were_asked_are_counted():
    rows = [{"right": [True, None]}, {"right": [False, None]}]
    assert kept_words(of_contestant(rows, 0)) == "1 of 2 pinned rows kept" and kept_words(of_contestant(rows, 1)) == "0 of 0 pinned rows kept"
    assert [ruling(one) for one in (True, False, None)] == ["kept", "broken", "not asked"]
