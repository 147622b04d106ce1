"""How a contestant steers: one contract, one table, one file a method. Importing this is cheap; torch starts when a method builds something.

To add a method: write its file (name, title, summary, an ``Options`` dataclass of knobs, ``build``), and one line in ``METHODS``. The same tests
run over every entry.
"""

from steering.errors import SpecError
from steering.knobs import from_json
from steering.methods.contract import Method, Saved, Setting
from steering.methods.few_shot import FewShot
from steering.methods.lora import Lora
from steering.methods.manual import Manual
from steering.methods.p_tuning import PTuning
from steering.methods.prefix_tuning import PrefixTuning
from steering.methods.prompt_tuning import PromptTuning

__all__ = ["LEARNED", "METHODS", "Method", "Saved", "Setting", "method", "options"]

METHODS: dict[str, Method] = {m.name: m for m in (Manual(), FewShot(), PromptTuning(), PTuning(), PrefixTuning(), Lora())}

LEARNED: dict[str, Method] = {name: m for name, m in METHODS.items() if m.learned}


def method(name: str) -> Method:
    """The table's entry.

    Raises:
        SpecError: no such method.
    """
    if name not in METHODS:
        raise SpecError(f"method {name!r} is not known.", f"Choose one of: {', '.join(METHODS)}.")
    return METHODS[name]


def options(name: str, values: dict[str, object]) -> object:
    """A method's options from plain values, checked.

    Raises:
        SpecError: unknown method or option, or a value out of range.
    """
    return from_json(method(name).Options, dict(values))
