// The strip of slots: choosing one tells every view; ordering happens here. The body of a component's js_on_load.
const mark = slot => element.querySelectorAll('.slotbox').forEach(box => box.setAttribute('aria-pressed', box.dataset.slot === slot));
element.addEventListener('click', e => {
  const box = e.target.closest('.slotbox'), order = e.target.closest('[data-order]');
  if (box) { document.dispatchEvent(new CustomEvent('studio-slot', {detail: box.dataset.slot})); trigger('pick', {id: 'slot:' + box.dataset.slot}); }
  if (!order) return;
  element.querySelectorAll('[data-order]').forEach(one => one.setAttribute('aria-pressed', one === order));
  const by = order.dataset.order, strip = element.querySelector('.strip');
  const value = one => by === 'place' ? -Number(one.dataset.slot) : one.dataset[by] === '' ? -Infinity : Number(one.dataset[by]);
  strip.append(...[...strip.children].sort((a, b) => value(b) - value(a)));
});
const follow = e => { if (element.isConnected) mark(e.detail); else document.removeEventListener('studio-slot', follow); };
document.addEventListener('studio-slot', follow);
