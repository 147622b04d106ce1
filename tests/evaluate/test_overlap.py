from steering.evaluate.overlap import contained, shared, words


def test_whole_texts_are_found_whatever_their_spelling():
    prompt = "Sort tickets. Example: MY card   was charged twice! -> billing"
    assert contained(prompt, ["My card was charged twice.", "my card was charged", "card was", "charged twice billing extra"]) == [0, 1]
    assert contained("a discarded card", ["is card a"]) == [], "words, not letters"
    assert contained("anything", ["", "!!", "any"]) == []


def test_phrases_of_five_words():
    prompt = "one two three four five six"
    assert shared(prompt, ["x two three four five six y", "two three four five", "one two three x four five"]) == [0]
    assert shared("", ["one two three four five"]) == []


def test_scripts_without_spaces_go_by_character():
    assert words("退款 请求") == ["退", "款", "请", "求"]
    assert contained("请把退款请求分类", ["退款请求", "退款"]) == [0]
    assert shared("请把退款请求分类", ["把退款请求吗"]) == [0]
