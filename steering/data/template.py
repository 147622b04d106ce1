"""Templates: text with ``{column}`` in it. Every other brace is ordinary text, so JSON and code can be written as they are.

    render('{"message": "{text}"}', {"text": "a {label}"})  ->  '{"message": "a {label}"}'

One pass, never ``str.format``: what a row holds is never read as a template again, and no attribute or index can be reached.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from steering.errors import TemplateError

_FIELD = re.compile(r"\{([^{}]*)\}")


def fields(template: str) -> tuple[str, ...]:
    """What stands in braces, in order, each once; whether it is a column is not decided here."""
    return tuple(dict.fromkeys(match[1] for match in _FIELD.finditer(template)))


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in the columns that ``values`` knows; everything else stays as it is."""
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), template)


def check_template(template: str, columns: Iterable[str], required: str) -> None:
    """Refuse a template that does not show the model the text.

    Raises:
        TemplateError: ``{required}`` is not in the template; names what is there, what could be meant, and the columns.
    """
    columns = tuple(columns)
    present = fields(template)
    if required in present:
        return
    near = get_close_matches(required, present, n=1, cutoff=0.5)
    given = f"the template {template!r} does not contain {{{required}}}"
    known = ", ".join(f"{{{column}}}" for column in columns)
    hint = f"Did you mean {{{required}}} where it says {{{near[0]}}}?" if near else f"Write {{{required}}} where the text of a row should go."
    raise TemplateError(f"{given} (columns: {known}).", hint)
