// One view of learned vectors, or two side by side; the body of a component's js_on_load (element, props, trigger, watch), behind paint().
const host = element.querySelector('.view'); let shown = '', key = '', chosen = '', waiting = true;
const make = (tag, name, html) => { const made = document.createElement(tag); made.className = name; made.innerHTML = html ?? ''; return made; };
const button = (word, act) => { const made = make('button', 'pick'); made.type = 'button'; made.textContent = word; made.onclick = act; return made; };
function file(name, type, content) {
  const link = document.createElement('a'); link.href = URL.createObjectURL(new Blob([content], {type})); link.download = name; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 9000);
}
function save(plot, format, name) {
  const back = getComputedStyle(document.body).getPropertyValue('--body-background-fill').trim() || (document.body.classList.contains('dark') ? '#0b0f19' : '#ffffff');
  const width = Math.max(plot.offsetWidth, 760), height = plot.offsetHeight || 420, scale = format === 'png' ? 2 : 1;
  const layout = Object.assign({}, plot.layout, {paper_bgcolor: back, width, height, autosize: false});
  Plotly.downloadImage({data: plot.data, layout}, {format, filename: name, width, height, scale});
}
function slots(trace) { return (trace.meta && trace.meta.slots) || []; }
function marked(plot) {
  const f = JSON.parse(plot.dataset.figure), own = f.layout.shapes || [], at = Number(chosen);
  f.data.forEach(trace => {
    const hit = slots(trace).map((slot, i) => slot === at ? i : -1).filter(i => i >= 0);
    if (hit.length) { trace.selectedpoints = hit; trace.unselected = {marker: {opacity: .4}}; trace.selected = {marker: {opacity: 1}}; }
    const line = {color: '#d97706', width: 2.5}, meta = trace.meta || {};
    const row = (meta.rows || []).indexOf(at), column = (meta.columns || []).indexOf(at);
    if (row >= 0) own.push({type: 'rect', xref: 'paper', x0: 0, x1: 1, y0: row - .5, y1: row + .5, line});
    if (column >= 0) own.push({type: 'rect', yref: 'paper', y0: 0, y1: 1, x0: column - .5, x1: column + .5, line});
  });
  f.layout.shapes = own; return f;
}
function plotly() {  // its four megabytes are read when there is a chart, so that sentences and slots never wait for them
  const there = document.querySelector('script[src$="plotly.min.js"]'), script = there || document.createElement('script');
  script.addEventListener('load', paintAll, {once: true}); if (!there) { script.src = host.dataset.plotly; document.head.append(script); }
}
function paintAll() {
  if (!host.querySelector('.pl')) { waiting = false; return; }
  waiting = !host.offsetParent || !window.Plotly; if (!window.Plotly && host.offsetParent) plotly(); if (waiting) return;
  host.querySelectorAll('.pl').forEach(plot => {
    paint(plot, marked(plot), ['zoom2d', 'pan2d', 'resetScale2d']);
    if (plot.bound) return;
    plot.bound = true; plot.on('plotly_click', e => {
      const point = e.points[0], meta = point.data.meta || {}, at = point.pointIndex;
      const slot = Array.isArray(at) ? (meta.rows || [])[at[0]] ?? (meta.columns || [])[at[1]] : slots(point.data)[at];
      if (slot) choose(slot);
    });
  });
}
function choose(slot) { document.dispatchEvent(new CustomEvent('studio-slot', {detail: String(slot)})); trigger('pick', {id: 'slot:' + slot}); }
function mark(slot) {
  chosen = slot;
  host.querySelectorAll('tr[data-slot]').forEach(row => {
    row.classList.toggle('mark', row.dataset.slot === slot);
    row.querySelector('.slot-no')?.setAttribute('aria-pressed', row.dataset.slot === slot);
  });
  paintAll();
}
function sort(head) {
  const row = head.parentElement, at = [...row.children].indexOf(head), body = row.closest('table').tBodies[0];
  const up = head.getAttribute('aria-sort') !== 'ascending';
  [...row.children].forEach(one => one.removeAttribute('aria-sort')); head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const value = line => { const cell = line.children[at], v = cell.dataset.v; return v === undefined ? cell.textContent : v === '' ? null : Number(v); };
  const lines = [...body.rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)]; if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y)); return up ? order : -order;
  });
  body.append(...lines);
}
function slider(course) {
  const box = make('div', 'watch'), line = make('div', 'steps'), label = make('label', ''), input = document.createElement('input'), at = make('span', 'at');
  Object.assign(input, {type: 'range', min: 0, max: course.steps.length - 1, value: course.steps.length - 1}); input.setAttribute('aria-label', 'Step of training');
  const list = make('ul', 'moments');
  const fill = () => {
    at.textContent = 'Step ' + course.steps[input.value]; input.setAttribute('aria-valuetext', at.textContent);
    list.replaceChildren(...course.rows.map(row => {
      const item = make('li', ''), word = make('bdi', 'token'), moment = row.moments[input.value];
      word.textContent = moment[0]; item.append('v' + row.slot + ' ', word, ' ' + moment[1].toFixed(2)); item.dataset.slot = row.slot; return item;
    }));
  };
  input.oninput = fill; label.append(at, input); line.append(label); box.append(line, list); fill(); return box;
}
function part(one) {
  const box = make('div', 'part', one.html), tools = make('div', 'tools');
  if (one.figure) {
    const plot = make('div', 'pl'); plot.dataset.figure = one.figure; plot.setAttribute('role', 'img'); plot.setAttribute('aria-label', one.alt);
    box.append(plot); tools.append(button('PNG', () => save(plot, 'png', one.file)), button('SVG', () => save(plot, 'svg', one.file)));
  }
  if (one.course) box.append(slider(one.course));
  if (one.csv) tools.append(button('CSV', () => file(one.file + '.csv', 'text/csv;charset=utf-8', one.csv)));
  if (one.table && one.figure) { const fold = make('details', 'numbers', '<summary>The numbers</summary>'); fold.append(make('div', '', one.table)); box.append(fold); }
  else if (one.table) box.append(make('div', '', one.table));
  box.append(tools); return box;
}
function draw() {
  if ((props.value || '') === shown) { if (waiting) paintAll(); return; }
  shown = props.value || ''; const now = shown ? JSON.parse(shown) : {columns: [], key: '', slot: ''};
  const open = [...host.querySelectorAll('details')].map(one => one.open);
  if (now.key !== key) { key = now.key; chosen = String(now.slot || ''); open.length = 0; }
  host.classList.toggle('two', now.columns.length > 1);
  host.replaceChildren(...now.columns.map(column => { const box = make('section', 'column', column.head); box.append(...column.parts.map(part)); return box; }));
  host.querySelectorAll('details').forEach((one, i) => { one.open = !!open[i]; });
  mark(chosen);
}
element.addEventListener('click', e => {
  const head = e.target.closest('.sorts'); if (head) { sort(head.closest('th')); return; }
  const pick = e.target.closest('[data-pick]'); if (pick) { trigger('pick', {id: pick.dataset.pick}); return; }
  const row = e.target.closest('[data-slot]'); if (row && !getSelection().toString()) choose(row.dataset.slot);
});
const follow = e => { if (element.isConnected) mark(e.detail); else document.removeEventListener('studio-slot', follow); };
document.addEventListener('studio-slot', follow);
draw(); watch('value', draw);
new IntersectionObserver(seen => { if (waiting && seen.some(one => one.isIntersecting)) paintAll(); }).observe(element);
new MutationObserver(paintAll).observe(document.body, {attributes: true, attributeFilter: ['class']});
