"""Two components of our own, made of gr.HTML: a chart that keeps its zoom, and a list with buttons."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

PAINT = r"""
function paint(box, f, buttons) {
  const dark = document.body.classList.contains('dark'), grid = dark ? '#3f3f5a' : '#e2e8f0';
  const ax = {gridcolor: grid, zerolinecolor: grid, linecolor: grid};
  if (box.clientWidth < 480 && f.layout.showlegend) f.layout.height += 20 * f.data.filter(t => t.showlegend !== false).length;  // one name a line
  box.style.height = f.layout.height + 'px';
  Object.assign(f.layout, {paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', autosize: true, uirevision: 'keep',
    font: {color: dark ? '#e2e8f0' : '#1e293b', family: getComputedStyle(element).fontFamily, size: 13}});
  for (const k of ['xaxis', 'yaxis', 'yaxis2']) if (f.layout[k] || k !== 'yaxis2') f.layout[k] = Object.assign({}, ax, f.layout[k]);
  return Plotly.react(box, f.data, f.layout, {responsive: true, displaylogo: false, modeBarButtons: [buttons]});
}
"""
DRAW = (
    PAINT
    + r"""
const box = element.querySelector('.pl'); let waiting = true, bound = false;
function draw() {
  if (!props.value || !window.Plotly) { box.style.display = 'none'; return; }
  waiting = !element.offsetParent; if (waiting) return;  // drawn on a hidden station it would have no size, and stay empty
  box.style.display = 'block'; paint(box, JSON.parse(props.value), ['toImage', 'zoom2d', 'pan2d', 'resetScale2d']);
  if (!bound) box.on('plotly_click', e => { const id = e.points[0].customdata; if (id != null) trigger('pick', {id: String(id)}); });
  bound = true;
}
draw(); watch('value', draw);
new IntersectionObserver(seen => { if (waiting && seen.some(one => one.isIntersecting)) draw(); }).observe(element);
new MutationObserver(draw).observe(document.body, {attributes: true, attributeFilter: ['class']});
"""
)
PICK = """
element.addEventListener('click', e => { const b = e.target.closest('[data-pick]'); if (b) trigger('pick', {id: b.dataset.pick}); });
"""

KEYED = """
const busy = () => element.querySelector('.busy');
element.addEventListener('click', e => {
  const b = e.target.closest('[data-pick]'); if (!b || busy()) return;
  const s = element.querySelector('section'); if (s) { s.classList.add('busy'); setTimeout(() => s.classList.remove('busy'), 3000); }
  trigger('pick', {id: b.dataset.pick});
});
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.altKey || e.metaKey || e.target.closest('input, textarea, select, [contenteditable]') || !element.offsetParent) return;
  const b = element.querySelector(`[data-key="${CSS.escape(e.key)}"]`); if (b) { e.preventDefault(); b.click(); }
});
"""
# A picked row is busy until the next one is drawn, so that a quick second press never lands on the row that was just labelled.


@cache
def plotly_script() -> Path:
    """Plotly's own script out of the Python package, which is not imported for it."""
    found = importlib.util.find_spec("plotly")
    assert found is not None and found.origin is not None, "plotly is installed"
    path = Path(found.origin).parent / "package_data" / "plotly.min.js"
    gr.set_static_paths([str(path)])
    return path


def plotly_tag() -> str:
    """What a component's ``head`` says to have Plotly before it begins."""
    return f'<script src="gradio_api/file={plotly_script()}"></script>'


def chart(elem_id: str, alt: str) -> Any:
    """A chart whose value is Plotly JSON; empty: nothing is shown. ``alt`` is constant text. ``pick``: a point with customdata was pressed."""
    return gr.HTML(
        None,
        js_on_load=DRAW,
        head=plotly_tag(),
        html_template=f'<div class="pl" role="img" aria-label="{alt}" style="display:none"></div>',
        elem_id=elem_id,
    )


def listing(elem_id: str, value: str = "") -> Any:
    """Safe HTML with ``data-pick`` buttons; its ``pick`` event carries the button's value."""
    return gr.HTML(value, js_on_load=PICK, elem_id=elem_id)


def keyed(elem_id: str, value: str = "") -> Any:
    """A listing whose buttons can be pressed by their ``data-key`` while it is seen and nobody types."""
    return gr.HTML(value, js_on_load=KEYED, elem_id=elem_id)


def hidden(elem_id: str, value: str = "") -> Any:
    """A value that lives in the browser and travels with events; never trusted."""
    return gr.Textbox(value, visible="hidden", elem_id=elem_id, label=elem_id)
