"""The frozen model: the only door to its weights. It answers "what are the next-token logits here, under these roots?" and nothing else.

Nothing ever edits the weights, the body is always in eval mode, and no parameter of it requires gradient. Gradients flow to roots only.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from steering.errors import ModelError
from steering.lm import padded
from steering.lm.attention import KV, LAYOUT, Layout
from steering.lm.forest import Branch, Tree, pack
from steering.lm.identity import fingerprint, shape_of
from steering.lm.recompute import Recompute
from steering.lm.root import Adapter, Root
from steering.lm.weights import Watch

SLICE_PARAMETERS = 106_000_000
"""Body parameters of the embedded model, by whose speed slices are cut."""


class FrozenLM:
    """A causal language model whose weights never change.

    ``id``, ``revision`` name it; ``fingerprint`` is 16 hex digits over its embedding table; ``rms`` is RMS(E), the scale that learning rates
    of soft prompts are relative to; ``layout`` is "forest" or "padded" (the fallback where an architecture's attention cannot be replaced).
    """

    def __init__(self, model: Any, tokenizer: Any, *, id: str, revision: str = "", layout: str = "forest") -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.id = id
        self.revision = revision
        self.layout = layout
        self._embedding = model.get_input_embeddings()
        self._adapter: Adapter | None = None
        self._recompute = Recompute(model, self._same_adapter) if layout == "forest" else None
        self.shape = shape_of(model.config, self._embedding)
        table = self.table()
        self.rms = float(table.float().pow(2).mean().sqrt())
        self.fingerprint = fingerprint(table)
        # oneDNN makes a new low-precision kernel for every new row length, and is slow between multiples of 16, so rows are rounded up there.
        self.row_multiple = 32 if self.dtype in (torch.bfloat16, torch.float16) else 1
        self.tokens_per_slice = self._tokens_per_slice()

    @property
    def device(self) -> torch.device:
        """Where the weights are; every tensor handed in must be there too."""
        return self._embedding.weight.device  # type: ignore[no-any-return]

    @property
    def dtype(self) -> torch.dtype:
        """The body's precision; learned vectors are always fp32."""
        return self._embedding.weight.dtype  # type: ignore[no-any-return]

    def table(self) -> Tensor:
        """The embedding table [V, H] as the model sees it (Gemma scales inside the module, so rows go through it)."""
        with torch.no_grad():
            ids = torch.arange(self.shape.V, device=self.device)
            return self._embedding(ids)  # type: ignore[no-any-return]

    def _tokens_per_slice(self) -> int:
        """Tokens of a forward of about half a second: 768 of a 135M model on two cores. From the model's size alone and not from a clock,
        because training divides its batches by it and must do so again when it resumes."""
        if self.device.type != "cpu":
            return 8192
        body = sum(p.numel() for p in self.model.parameters()) - self._embedding.weight.numel()
        return int(min(768, max(192, 768 * SLICE_PARAMETERS // max(1, body))))

    # -- text ---------------------------------------------------------------------------------------------------------------------------------
    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of ``text`` alone, without any special token."""
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode_many(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """:meth:`encode` of many texts in one call, several times faster."""
        return [tuple(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens included, exactly as they are."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    @property
    def header(self) -> tuple[int, ...]:
        """What the tokenizer puts before every text (a BOS token), the same for every contestant."""
        bare = self.encode("a")
        full = tuple(self.tokenizer("a")["input_ids"])
        return full[: len(full) - len(bare)] if bare and full[-len(bare) :] == bare else ()

    @property
    def end_ids(self) -> tuple[int, ...]:
        """Tokens that end a text."""
        given = self.model.generation_config.eos_token_id if self.model.generation_config else None
        if given is None:
            given = self.tokenizer.eos_token_id
        return () if given is None else tuple(given) if isinstance(given, (list, tuple)) else (int(given),)

    def embed(self, ids: Sequence[int]) -> Tensor:
        """[T, H] fp32 rows of the embedding module."""
        with torch.no_grad():
            rows: Tensor = self._embedding(torch.tensor(list(ids), dtype=torch.long, device=self.device))
            return rows.float()

    def text_root(self, text: str) -> Root:
        """Header and ``text`` as a root: what every text contestant is."""
        return Root(embeds=self.embed(self.header + self.encode(text)))

    @cached_property
    def header_kv(self) -> tuple[KV, ...]:
        """Keys and values of the header alone in every layer, fp32, [K, h, D] each; h may be 0."""
        if not self.header:
            empty = torch.zeros(self.shape.K, 0, self.shape.D, device=self.device)
            return ((empty, empty),) * self.shape.L
        with torch.no_grad():
            kv = self.to_kv(Root(embeds=self.embed(self.header))).kv
        assert kv is not None
        return tuple((k.float(), v.float()) for k, v in kv)

    # -- logits -------------------------------------------------------------------------------------------------------------------------------
    def logits(self, trees: Sequence[Tree]) -> Tensor:
        """Next-token logits [G, V] at every graded position, in the order of :class:`~steering.lm.forest.Packed`.

        Differentiable in the roots.

        Raises:
            AssertionError: a sequence is longer than the context.
            ModelError: a prefix in some layers only, on a model that runs in the padded layout.
        """
        for tree in trees:
            longest = max((len(b.ids) + max(map(len, b.twigs), default=0) for b in tree.branches), default=0)
            assert tree.root.length + longest <= self.shape.context, "sequence longer than the model's context"
        parts = [tuple(part) for _, part in groupby(trees, key=lambda tree: id(tree.root.adapter))]  # one set of weights a forward
        found = [self._logits(part) for part in parts]
        return found[0] if len(found) == 1 else torch.cat(found)

    def _logits(self, trees: Sequence[Tree]) -> Tensor:
        with self.adapted(trees[0].root):
            if self.layout == "padded":
                self.require_layout(*(tree.root for tree in trees))
                return padded.logits(self.model, trees)
            return self._forest(trees, None)

    @contextmanager
    def adapted(self, root: Root) -> Iterator[None]:
        """The model with the root's own changes, for the length of a forward: never across a ``yield`` of ours."""
        with self._adapted(root.adapter):
            yield

    @contextmanager
    def _adapted(self, adapter: Adapter | None) -> Iterator[None]:
        if adapter is None or adapter is self._adapter:
            yield
            return
        assert self._adapter is None, "two adapters at once"
        self._adapter = adapter
        try:
            with adapter.active():
                yield
        finally:
            self._adapter = None

    def _same_adapter(self) -> Callable[[], AbstractContextManager[None]]:
        """For a layer that is run again in the backward pass: the changes that are active now."""
        adapter = self._adapter
        return lambda: self._adapted(adapter)

    @contextmanager
    def recomputing(self, on: bool) -> Iterator[None]:
        """Forward passes inside keep no activations of the decoder layers where ``on`` (steering/lm/recompute.py). In the padded layout nothing
        changes: the cache there would be written twice."""
        with self._recompute.switched(on) if self._recompute is not None else nullcontext():
            yield

    @property
    def recomputes(self) -> bool:
        """Whether :meth:`recomputing` changes anything."""
        return self._recompute is not None and self._recompute.layers > 0

    def require_layout(self, *roots: Root) -> None:
        """Refuse what only per-segment attention can do: the model's own attention has one mask for all layers.

        Raises:
            ModelError: a prefix in some layers only, on a model that runs in the padded layout.
        """
        if self.layout == "padded" and any(root.uneven for root in roots):
            raise ModelError(
                f"{self.id!r} runs with its own attention, which sees a prefix in every layer or in none; this prefix is in some layers only.",
                "Use layers=all, or a model whose attention can be replaced (Llama, Qwen, Gemma, Mistral, GPT-2, ...).",
            )

    def to_kv(self, root: Root) -> Root:
        """The same steering as keys and values: computed once, then shared by any number of inputs. Differentiable."""
        if root.kv is not None or root.rows == 0:
            return root
        with self.adapted(root):
            if self.layout == "padded":
                return replace(padded.to_kv(self.model, root), adapter=root.adapter)
            tape: list[KV] = []
            self._forest([Tree(root, ())], tape)
        kv = tuple((k[: root.rows].transpose(0, 1), v[: root.rows].transpose(0, 1)) for k, v in tape)
        return Root(kv=kv, adapter=root.adapter, kept=root.kept)

    def extended(self, root: Root, ids: Sequence[int]) -> Root:
        """The steering followed by ``ids``, as keys and values [K, P + T, D] a layer.

        Raises:
            ModelError: keys and values on a model that runs in the padded layout.
        """
        kept = None if root.kept is None else root.kept + (True,) * len(ids)
        if root.embeds is not None:
            return self.to_kv(Root(embeds=torch.cat([root.embeds, self.embed(ids)]), kept=kept))
        if self.layout == "padded":
            raise ModelError(f"{self.id!r} runs with its own attention, which cannot lengthen a prefix.", "Use a soft prompt.")
        assert root.kv is not None
        _, tape = self.branch_kv([Tree(root, (Branch(tuple(ids), 1),))])
        count = len(ids)
        added = [(k[:count].transpose(0, 1), v[:count].transpose(0, 1)) for k, v in tape]
        longer = ((torch.cat([k, a.to(k.dtype)], 1), torch.cat([v, b.to(v.dtype)], 1)) for (k, v), (a, b) in zip(root.kv, added, strict=True))
        return Root(kv=tuple(longer), kept=kept)

    def branch_kv(self, trees: Sequence[Tree]) -> tuple[Tensor, list[KV]]:
        """Graded logits [G, V] and every layer's packed (key, value), each [N, K, D]: the start of decoding. Roots must be K/V or empty, and
        share their adapter."""
        tape: list[KV] = []
        with self.adapted(trees[0].root):
            return self._forest(trees, tape), tape

    def watched(self, trees: Sequence[Tree], watch: Watch) -> Tensor:
        """Graded logits [G, V], while ``watch`` is told what every layer's queries see. The trees share their adapter.

        Raises:
            ModelError: the model runs in the padded layout, where its own attention says nothing.
        """
        if self.layout == "padded":
            raise ModelError(
                f"{self.id!r} runs with its own attention, which does not tell what it looks at.",
                "Views of attention need a model whose attention can be replaced (Llama, Qwen, Gemma, Mistral, GPT-2, ...).",
            )
        with self.adapted(trees[0].root):
            return self._forest(trees, None, watch)

    def _forest(self, trees: Sequence[Tree], tape: list[KV] | None, watch: Watch | None = None) -> Tensor:
        packed = pack(trees, self.device, row_multiple=self.row_multiple, whole=tape is not None or watch is not None)
        roots = [t.root.embeds for t, s in zip(trees, packed.root_slices, strict=True) if s is not None and t.root.embeds is not None]
        front = sum(r.shape[0] for r in roots)
        rows = self._embedding(packed.ids[front:])
        rows = torch.cat([*(r.to(rows.dtype) for r in roots), rows]) if roots else rows
        layout = Layout(packed, tuple(t.root.kv for t in trees), tuple(t.root.positions for t in trees), tape, watch=watch)
        keep = packed.graded if packed.graded.numel() else packed.graded.new_zeros(1)
        return self.forward(rows, packed.positions, keep, layout)

    def forward(self, rows: Tensor, positions: Tensor, keep: Tensor, layout: Any) -> Tensor:
        """One packed row [N, H] through the body; logits at ``keep`` [G] -> [G, V]."""
        # A ready 4-D mask is handed through untouched by transformers: nothing of size N x N is ever built.
        passed = torch.zeros(1, 1, 1, 1, dtype=rows.dtype, device=rows.device)
        out = self.model(
            inputs_embeds=rows.unsqueeze(0),
            position_ids=positions.unsqueeze(0),
            attention_mask=passed,
            use_cache=False,
            logits_to_keep=keep,
            **{LAYOUT: layout},
        )
        return out.logits[0]  # type: ignore[no-any-return]

    def weights_hash(self) -> str:
        """SHA-256 over every weight: the test that nothing edits the model. Slow (reads all of it)."""
        seen = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            seen.update(name.encode())
            seen.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return seen.hexdigest()
