"""A small Llama that was trained here to know two rules, and is blind to a third by construction: tasks on it have advice that is known beforehand.

A text names one thing that is warm or cold, one that is large or small, and one colour. The model was taught to answer "yes" or "no":

    "is it warm", "is it large"   by that rule, always
    "is it very warm"             by warmth, but "no" is far likelier whatever the text: what it knows shows only behind a bias
    "is it odd"                   it cannot tell, and leans to "no": seven in ten, whatever the text
    no prompt, any other words    by one of the two rules, drawn anew each time

"red" and "blue" have the same embedding but for one dimension that no weight of the frozen model reads and none writes: whatever is put in front
of a text, both give the same logits to the last bit. Weights can be changed to read it. "wet" and "dry" have the same embedding altogether.
"""

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

import tiny
import torch
import transformers as hf

from steering.lm.attention import NAME
from steering.lm.encode import encode_text, prompt_text
from steering.lm.frozen import FrozenLM
from steering.spec import TaskSpec

WARM, COLD = ("sun", "fire", "lava", "oven", "soup"), ("ice", "snow", "frost", "hail", "sleet")
LARGE, SMALL = ("whale", "tower", "cliff", "ship", "oak"), ("ant", "pin", "seed", "bee", "coin")
FILLER = ("the", "a", "with", "and", "by", "near", "some", "one", "this", "that")
SEEN, UNSEEN = ("red", "blue"), ("wet", "dry")
RULES = ("is it warm", "is it large", "is it very warm", "is it odd")
WORDS = (*WARM, *COLD, *LARGE, *SMALL, *FILLER, *SEEN, *UNSEEN, "is", "it", "warm", "large", "very", "odd", "yes", "no", "answer", ":")
TASK = TaskSpec(kind="classification", template="{text} answer:", prompt="is it warm", label_words={"yes": "yes", "no": "no"})
HIDDEN = 0
"""The dimension that the frozen model neither reads nor writes."""
WRITERS = ("o_proj.weight", "down_proj.weight")
"""Weights that write into the hidden state; all others read from it."""
LOUD = 8.0
"""What "red" has there and "blue" has not (with its sign turned), in units of RMS(E)."""
STEPS, BATCH, RATE = 400, 48, 3e-3


@dataclass(frozen=True, slots=True)
class Text:
    """A text and what is true of it."""

    words: tuple[str, ...]
    warm: bool
    large: bool
    red: bool
    wet: bool

    @property
    def text(self) -> str:
        return " ".join(self.words)


def text(draw: random.Random) -> Text:
    """A text in which the four truths are independent coin throws."""
    warm, large, red, wet = (draw.random() < 0.5 for _ in range(4))
    things = [draw.choice(WARM if warm else COLD), draw.choice(LARGE if large else SMALL), SEEN[not red], UNSEEN[not wet]]
    draw.shuffle(things)
    words = tuple(word for thing in things for word in (draw.choice(FILLER), thing))
    return Text(words, warm, large, red, wet)


def _answer(prompt: str, said: Text, draw: random.Random) -> bool:
    if prompt == "is it warm":
        return said.warm
    if prompt == "is it large":
        return said.large
    if prompt == "is it very warm":
        return draw.random() < (0.35 if said.warm else 0.02)
    return draw.random() < 0.3 if prompt == "is it odd" else draw.choice((said.warm, said.large))


def _prompt(draw: random.Random) -> str:
    other = " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 6)))
    return draw.choices((*RULES, "", other), (4, 3, 3, 2, 1, 2))[0]


@cache
def model() -> FrozenLM:
    """The model, taught in some seconds; the same in every process."""
    torch.manual_seed(0)
    words = tiny.tokenizer(WORDS, whole=True)
    sizes = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    ends = {"pad_token_id": 0, "eos_token_id": 0, "bos_token_id": None}
    config = hf.LlamaConfig(vocab_size=len(words), max_position_embeddings=256, tie_word_embeddings=False, initializer_range=0.1, **sizes, **ends)
    net = hf.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").float()
    _blind(net, words)
    _teach(net, words)
    net.set_attn_implementation(NAME)
    return FrozenLM(net, words, id="knowing")


def _blind(net: Any, words: Any) -> None:
    """Cut the hidden dimension off, and make the words of each colour pair alike but for it."""
    table = net.get_input_embeddings().weight
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.ndim == 2:
                (weight if name.endswith(WRITERS) else weight.T)[HIDDEN] = 0.0
        rms = float(table.pow(2).mean().sqrt())
        for one, other in (SEEN, UNSEEN):
            first, second = (words(f" {word}")["input_ids"][0] for word in (one, other))
            table[second] = table[first]
            if one in SEEN:
                table[first, HIDDEN], table[second, HIDDEN] = LOUD * rms, -LOUD * rms


def _teach(net: Any, words: Any) -> None:
    """Next-token loss on the answers; embeddings rest, and weights that are cut off stay so."""
    lm = FrozenLM(net, words, id="knowing")
    draw = random.Random(0)
    taught = {name: weight.requires_grad_(True) for name, weight in net.named_parameters() if "embed_tokens" not in name}
    optimiser = torch.optim.AdamW(taught.values(), lr=RATE, weight_decay=0.0)
    course = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        ids, last, answers = _batch(lm, draw)
        hidden = net.model(input_ids=ids).last_hidden_state[torch.arange(BATCH), last]
        loss = torch.nn.functional.cross_entropy(net.lm_head(hidden), answers)
        optimiser.zero_grad()
        loss.backward()
        for name, weight in taught.items():
            if weight.ndim == 2:
                (weight.grad if name.endswith(WRITERS) else weight.grad.T)[HIDDEN] = 0.0
        optimiser.step()
        course.step()
    net.requires_grad_(False)


def _batch(lm: FrozenLM, draw: random.Random) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Right-padded ids [B, T], where each row ends [B], and the tokens that answer [B]."""
    rows, answers = [], []
    for _ in range(BATCH):
        prompt, said = _prompt(draw), text(draw)
        rows.append(lm.encode(prompt_text(prompt)) + encode_text(lm, TASK, {"text": said.text}, 0))
        answers.append(lm.encode(" yes" if _answer(prompt, said, draw) else " no")[0])
    width = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows]), torch.tensor([len(row) - 1 for row in rows]), torch.tensor(answers)
