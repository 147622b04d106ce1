"""Which vocabulary entries are trusted, and how an entry is written down."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steering.inspect.tokens import blank, byte_piece, piece_bytes, show, show_bytes


def ready(lm):
    """The vocabulary, without its progress."""
    from steering.inspect.vocabulary import vocabulary

    work = vocabulary(lm)
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" word", "·word"),
        ("word", "word"),
        ("\n", "\\n"),
        ("\t\r", "\\t\\r"),
        ("\u200b", "\\u200b"),
        ("\u202eabc", "\\u202eabc"),
        ("\xa0", "\\u00a0"),
        ("\x00", "\\u0000"),
        ("\\n", "\\\\n"),
        ("·", "\\u00b7"),
        ("<|endoftext|>", "<|endoftext|>"),
        ("<script>&amp;", "<script>&amp;"),
        ("\U000e0001", "\\U000e0001"),
        ("é日", "é日"),
        ("\u0301", "\\u0301"),
        ("e\u0301", "e\u0301"),
        ("\u2764\ufe0f", "\u2764\\ufe0f"),
        ("\u3164", "\\u3164"),
        ("\u2067\u05e9\u05dc", "\\u2067\u05e9\u05dc"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("<0xE2>", "\\<0xE2>"),
        ("a<unused 7>", "a<unused·7>"),
        ("<unused>", "<unused>"),
        ("\\<0xE2>", "\\\\\\<0xE2>"),
        (" </td><img onerror=x>", "·</td><img·onerror=x>"),
        ("\r\n  ", "\\r\\n··"),
    ],
)
def test_show(text, shown):
    assert show(text) == shown


@given(st.text(max_size=6), st.text(max_size=6))
def test_different_texts_are_shown_differently(one, other):
    assert (show(one) == show(other)) == (one == other)
    assert show(one).isprintable()


def test_fragments_are_shown_as_bytes():
    assert show_bytes(b"\xe2\x80") == "<0xE2><0x80>"
    assert show_bytes(b" a\xe2") == "·a<0xE2>"
    assert show_bytes("é\n".encode()) == "é\\n"
    assert piece_bytes("âĢ") == b"\xe2\x80" and piece_bytes("<0xE2>") == b"\xe2" and piece_bytes("日") is None


def test_a_byte_and_the_text_that_looks_like_it_are_told_apart():
    assert byte_piece("<0x41>", "A") and not byte_piece("<0x41>", "<0x41>") and not byte_piece("A", "A")
    assert show_bytes(b"\xe2") == "<0xE2>" != show("<0xE2>")


def test_blank():
    assert blank("\ufe0f") and blank("\u3164 ")
    assert blank(" \n") and blank("\u200b") and blank("") and not blank(" a")


def test_byte_level_vocabulary(lm):
    vocab = ready(lm)
    special, line, half, word = (lm.tokenizer.convert_tokens_to_ids(piece) for piece in ("<|end|>", "Ċ", "â", "good"))
    assert word in vocab.position and not {special, line, half} & set(vocab.position)
    assert vocab.show(word) == "good" and vocab.show(half) == "<0xE2>" and vocab.show(special) == "<|end|>"
    assert vocab.hidden["special"] == 1 and vocab.hidden["fragment"] == 128 and vocab.hidden["unstable"] > 0  # "goo" is always written "good"
    assert len(vocab) + sum(vocab.hidden.values()) == lm.shape.V
    assert ready(lm) is vocab


def sentencepiece(extra_rows=0):
    """Like Llama 2: a space is part of the next word, the first one is added, bytes are entries of their own."""
    import torch
    import transformers as hf
    from tokenizers import Tokenizer, decoders, models, normalizers

    from steering.lm.attention import NAME
    from steering.lm.frozen import FrozenLM

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "▁", "a", "b", "▁a", "▁ab", "ab"]
    merges = [("▁", "a"), ("▁a", "b"), ("a", "b")]
    core = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=merges, unk_token="<unk>", byte_fallback=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    config = hf.LlamaConfig(
        vocab_size=len(pieces) + extra_rows, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0,
    )  # fmt: skip
    return FrozenLM(hf.LlamaForCausalLM._from_config(config, attn_implementation=NAME).to(torch.float32), tokenizer, id="pieces")


def test_a_tokenizer_that_drops_the_first_space():
    lm = sentencepiece(extra_rows=3)
    vocab = ready(lm)
    ids = {piece: lm.tokenizer.convert_tokens_to_ids(piece) for piece in ("a", "b", "▁a", "▁ab", "ab", "<0xE2>", "<0x41>")}
    assert [vocab.show(ids[p]) for p in ("a", "▁a", "▁ab", "ab")] == ["a", "·a", "·ab", "ab"]
    assert {ids["▁a"], ids["▁ab"], ids["a"], ids["ab"]} <= set(vocab.position)
    assert vocab.show(ids["<0x41>"]) == "<0x41>"  # a byte that is decoded as "A"
    assert vocab.show(ids["<0xE2>"]) == "<0xE2>" and ids["<0xE2>"] not in vocab.position
    assert vocab.hidden["unused"] == 3 and vocab.show(lm.shape.V - 1) == f"<unused {lm.shape.V - 1}>"


def test_the_table_is_centred_and_recomputed_alike(lm):
    import torch

    vocab = ready(lm)
    unit = torch.cat([part for _, part in vocab.centred(lm)])
    assert torch.allclose(unit.norm(dim=1), torch.ones(len(vocab)), atol=1e-5)
    assert float((unit * vocab.lengths[:, None]).mean(dim=0).norm()) < 1e-6


def test_the_cache_does_not_keep_a_model_alive():
    lm = sentencepiece()
    ready(lm)
    gone = weakref.ref(lm)
    del lm
    gc.collect()
    assert gone() is None
