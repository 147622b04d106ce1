"""The manual prompt: the text that a person would write. What every learned prompt starts from, and must beat."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.methods.contract import Setting, Steering

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualOptions:
    """Nothing to set: the text is the task's prompt."""


class Manual:
    """Steering by the task's own prompt."""

    name = "manual"
    title = "Manual prompt"
    summary = "The text you would write yourself; nothing is trained."
    learned = False
    rate = 0.0
    Options = ManualOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: ManualOptions) -> Steering:
        from steering.lm.encode import prompt_text
        from steering.methods.vectors import Text

        return Text(lm, prompt_text(setting.task.prompt))
