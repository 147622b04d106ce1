"""The measurement counts what it says: the same texts both ways, and fewer row-steps where finished rows leave."""

import tiny

from benchmarks import generation


def test_both_ways_give_the_same_texts_and_the_queue_computes_less():
    lm = tiny.build(scale=3.0)
    lm.model.generation_config.eos_token_id = list(range(0, lm.shape.V, 12))
    (row,) = generation.measure(lm, 72, ["manual"])
    assert row["same"] == row["rows"] == 72
    (before, after), (forwards, fewer) = row["row_steps"], row["forwards"]
    assert 0 < after < 0.7 * before and fewer < forwards
    assert min(row["cpu_s"] + row["seconds"]) > 0
