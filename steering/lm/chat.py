"""The model's own chat format as two pieces of plain text: what stands before a user's message, and what stands between it and the answer.

With them a prompt and a template can be put into the format (``before + prompt``, ``template + after``) and everything else stays as it is: the
page shows the result token by token, and special tokens in the text are read as such.
"""

from jinja2 import TemplateError as JinjaError

from steering.errors import TemplateError
from steering.lm.frozen import FrozenLM

MARK = "\u2063message\u2063"


def chat_parts(lm: FrozenLM) -> tuple[str, str]:
    """Before and after the message, the model's header left out, because every root begins with it anyway.

    Raises:
        TemplateError: the model has no chat template, or one that does not show the message.
    """
    if not getattr(lm.tokenizer, "chat_template", None):
        raise TemplateError(f"{lm.id!r} has no chat template.", "Leave prompt and template as they are: it is read as plain text.")
    try:
        whole = str(lm.tokenizer.apply_chat_template([{"role": "user", "content": MARK}], tokenize=False, add_generation_prompt=True))
    except (JinjaError, ValueError, TypeError) as error:
        raise TemplateError(f"the chat template of {lm.id!r} cannot be used: {error}.", "Leave prompt and template as they are.") from None
    if whole.count(MARK) != 1:
        raise TemplateError(f"the chat template of {lm.id!r} does not show a message once.", "Leave prompt and template as they are.")
    before, after = whole.split(MARK)
    header = lm.decode(lm.header) if lm.header else ""
    return before.removeprefix(header), after
