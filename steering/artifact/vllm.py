"""The door to vLLM: a soft prompt as rows that go before an input's own embeddings.

vLLM has no prompt adapters any more (removed in 0.10); it takes ready embeddings instead, ``[prompt; input]``, with ``--enable-prompt-embeds``
(https://docs.vllm.ai/en/stable/features/prompt_embeds/). It has no door for a prefix's keys and values.
"""

import numpy as np
from safetensors.numpy import save

from steering.artifact.file import Artifact
from steering.errors import ArtifactError

README = """# {title}

{count} virtual tokens for `{model}` (embedding fingerprint {fingerprint}), made by Prompt Steering Studio.

    vllm serve MODEL_FOLDER --enable-prompt-embeds

`prompt_embeds.safetensors` holds `prompt_embeds` [{count}, {hidden}]. Put it before the embeddings of an input, then send both as one tensor:

    import base64, io, torch
    from openai import OpenAI
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL_FOLDER)
    embed = AutoModelForCausalLM.from_pretrained(MODEL_FOLDER).get_input_embeddings()
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids[0]
    rows = torch.cat([load_file("prompt_embeds.safetensors")["prompt_embeds"], embed(ids).detach()]).to(torch.bfloat16)
    buffer = io.BytesIO()
    torch.save(rows, buffer)
    client = OpenAI(base_url="http://localhost:8000/v1", api_key="-")
    client.completions.create(
        model=MODEL_FOLDER, prompt="", max_tokens={tokens}, temperature=0.0,
        extra_body={{"prompt_embeds": base64.b64encode(buffer.getvalue()).decode()}},
    )

`text` follows this template: {template!r}
"""


def files(made: Artifact) -> dict[str, bytes]:
    """A soft prompt as the files of a folder for vLLM.

    Raises:
        ArtifactError: it is no soft prompt.
    """
    card, rows = made.card, made.tensors.get("soft_prompt")
    if rows is None or len(made.tensors) > 1:
        raise ArtifactError(f"{card.name!r} is no soft prompt, and vLLM takes embeddings only.", "Export it --to peft, or train a soft prompt.")
    said = README.format(
        title=card.title or card.name,
        count=rows.shape[0],
        hidden=rows.shape[1],
        model=card.model,
        fingerprint=card.fingerprint,
        tokens=card.task.max_new_tokens,
        template=card.task.template,
    )
    content = save({"prompt_embeds": np.ascontiguousarray(rows, dtype=np.float32)}, metadata={"format": "pt"})
    return {"prompt_embeds.safetensors": content, "README.md": said.encode()}
