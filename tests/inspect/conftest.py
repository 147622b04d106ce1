"""Models that several views are tried on."""

import pytest
import tiny


@pytest.fixture(scope="module")
def wide():
    """2,000 words of a table whose mean is half as long as its centred rows (SmolLM2: about as long)."""
    import torch
    import transformers as hf
    from tokenizers import Tokenizer, models, pre_tokenizers

    from steering.lm.attention import NAME
    from steering.lm.frozen import FrozenLM

    words = {f"w{i}": i for i in range(1998)} | {"\n": 1998, "[UNK]": 1999}
    core = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]")
    config = hf.LlamaConfig(
        vocab_size=2000, hidden_size=256, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=1024, pad_token_id=0, eos_token_id=0, bos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = hf.LlamaForCausalLM._from_config(config, attn_implementation=NAME).float()
    with torch.no_grad():
        table = torch.randn(2000, 256, generator=torch.Generator().manual_seed(7))
        model.get_input_embeddings().weight.copy_(table + 0.5 * torch.randn(256, generator=torch.Generator().manual_seed(8)))
    return FrozenLM(model, tokenizer, id="wide")


@pytest.fixture(scope="module")
def loud():
    """A random model with large weights: its answers depend on the prompt."""
    return tiny.build(scale=8.0)
