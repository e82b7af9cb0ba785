
'use strict';
(() => {
const root = document.documentElement;
const colour = name => getComputedStyle(root).getPropertyValue('--' + name).trim();
const data = box => JSON.parse(box.querySelector('script').textContent);
// make creates an element. Texts become texts, never markup.
const make = (tag, attributes = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
};

// Tables: sorted by the buttons of their head, filtered by words.
const natural = new Intl.Collator('en', {numeric: true});
const firstRows = 100;
function table(box) {
  const {columns, rows} = data(box);
  const shown = v => v === null || v === undefined ? '' : String(v);
  const all = (rows || []).map(row => ({row, text: row.map(shown).join(' ').toLowerCase()}));
  let by = -1, up = true, most = firstRows;
  const search = make('input', {type: 'search', placeholder: 'filter', 'aria-label': 'Filter ' + box.dataset.name});
  const told = make('output', {class: 'soft'});
  const more = make('button', {type: 'button'});
  const body = make('tbody');
  const heads = columns.map((c, i) => {
    const button = make('button', {type: 'button'}, c.name);
    button.onclick = () => { up = by === i ? !up : true; by = i; draw(); };
    return make('th', {scope: 'col'}, button);
  });
  const before = (a, b) => {
    const x = a.row[by], y = b.row[by], none = v => v === null || v === undefined || v === '';
    if (none(x) || none(y)) return none(x) - none(y); // what there is not comes last, either way
    const order = typeof x === 'number' && typeof y === 'number' ? x - y : natural.compare(x, y);
    return up ? order : -order;
  };
  function draw() {
    const words = search.value.toLowerCase().split(/\s+/);
    const found = all.filter(r => words.every(w => r.text.includes(w)));
    if (by >= 0) found.sort(before);
    heads.forEach((th, i) => i === by ? th.setAttribute('aria-sort', up ? 'ascending' : 'descending') : th.removeAttribute('aria-sort'));
    body.replaceChildren(...found.slice(0, most).map(r => make('tr', {}, ...columns.map((c, i) => {
      const text = shown(r.row[i]);
      return make('td', c.text ? {class: text.length < 24 ? 'text short' : 'text'} : {}, text);
    }))));
    told.textContent = found.length + ' of ' + all.length + ' rows' + (found.length > most ? ', the first ' + most + ' shown' : '');
    more.textContent = 'Show all ' + found.length;
    more.hidden = found.length <= most;
  }
  search.oninput = draw;
  more.onclick = () => { most = Infinity; draw(); };
  box.append(make('div', {class: 'tools'}, search, told, more),
    make('div', {class: 'wide', role: 'region', tabindex: 0, 'aria-label': box.dataset.name},
      make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body)));
  draw();
}

// Timelines: charts and heat maps with one axis of time.
const left = 58, right = 14;
const dashes = [[], [8, 3], [2, 3], [8, 3, 2, 3], [14, 4], [4, 2], [1, 2], [14, 3, 2, 3, 2, 3]];
const length = s => s < 60 && s > -60 ? +s.toFixed(3) + ' s' : Math.floor(s / 60) + ':' + String(+(s % 60).toFixed(1)).padStart(2, '0');

let timelines = 0;
function timeline(box) {
  const number = timelines++;
  const {clock, spans, panels} = data(box);
  const whole = [Math.min(...spans.map(s => s.from)), Math.max(...spans.map(s => s.to))];
  const choices = [{name: 'All', from: whole[0], to: whole[1]}, ...(spans.length > 1 ? spans : [])];
  const at = s => length(s) + ' (' + new Date((clock + s) * 1000).toISOString().slice(11, 19) + ')';
  let range = whole, parts = [], buttons = [];
  function zoom(from, to) {
    range = [from, to];
    buttons.forEach((b, i) => b.setAttribute('aria-pressed', choices[i].from === from && choices[i].to === to));
    parts.forEach(p => p.zoom(range));
  }
  function build() {
    parts.forEach(p => p.destroy());
    box.querySelectorAll(':scope > :not(script)').forEach(e => e.remove());
    buttons = choices.map(c => {
      const b = make('button', {type: 'button'}, c.name);
      b.onclick = () => zoom(c.from, c.to);
      return b;
    });
    box.append(make('div', {class: 'tools'}, ...buttons, make('span', {class: 'soft'}, 'seconds after the scenario began; draw over a chart to see a part of it, click twice for all')));
    const key = 'timeline ' + number;
    const width = root.classList.contains('print') ? 680 : box.clientWidth;
        parts = panels.map(p => {
      const figure = make('figure', {}, make('figcaption', {}, p.name + (p.unit ? ' (' + p.unit + ')' : '') + (p.note ? '; ' + p.note : '')));
      box.append(figure);
      return (p.heat ? heat : chart)(p, figure, width, range, at, zoom, whole, key);
    });
    zoom(...range);
  }
  build();
  return build;
}

function chart(p, figure, width, range, at, zoom, whole, key) {
  const times = [], names = (p.parts[0].lines || []).map(l => l.name), values = names.map(() => []);
  for (const part of p.parts) {
    const steps = Math.max(0, ...(part.lines || []).map(l => l.values.length));
    if (times.length && part.from > times.at(-1) + 2 * part.step) { // a gap
      times.push(times.at(-1) + 1e-6);
      values.forEach(v => v.push(null));
    }
    for (let i = 0; i < steps; i++) {
      const t = part.from + i * part.step;
      if (times.length && t <= times.at(-1)) continue;
      times.push(t);
      values.forEach((v, n) => { const raw = part.lines[n].values[i] ?? null; v.push(raw === null ? null : raw * p.factor); });
    }
  }
  const axis = {stroke: colour('soft'), grid: {stroke: colour('rule'), width: 1}, ticks: {stroke: colour('rule'), width: 1}, font: '11px system-ui, sans-serif'};
  const plot = new uPlot({
    width, height: 170, padding: [8, right, 0, 0],
    scales: {x: {time: false, range: (_, from, to) => [from, to]}, y: {range: (_, least, most) => [Math.min(0, least ?? 0), most > 0 ? most * 1.08 : 1]}},
    axes: [{...axis, size: 26, values: (_, v) => v.map(length)}, {...axis, size: left}],
    series: [{label: 'time', value: (_, v) => v === null ? '–' : at(v)},
      ...names.map((label, i) => ({label, stroke: colour('l' + i % 8), dash: dashes[i % 8], width: 1.6, points: {show: times.length < 4}, value: (_, v) => v === null ? '–' : +v.toPrecision(4) + ' ' + p.unit}))],
    legend: {markers: {width: 3, dash: (_, i) => ['solid', 'dashed', 'dotted', 'double'][(i - 1) % 4]}},
    cursor: {sync: {key}, drag: {x: true, y: false, setScale: false}, bind: {dblclick: () => () => { zoom(...whole); }}},
    hooks: {setSelect: [u => {
      if (u.select.width > 4) zoom(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
      u.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
    }]},
  }, [times, ...values], figure);
  plot.root.setAttribute('role', 'group');
  plot.root.setAttribute('aria-label', p.name + ': ' + names.join(', '));
  plot.root.querySelectorAll('.u-legend .u-series:not(:first-child) th').forEach(th => {
    th.tabIndex = 0; // a line is switched off and on by its name
    th.onkeydown = e => { if (e.key === 'Enter') th.click(); };
  });
  return {zoom: ([min, max]) => plot.setScale('x', {min, max}), destroy: () => plot.destroy()};
}

// mix is a colour between three: no value is cold, the highest one hot.
function mix(share) {
  const parse = name => { const hex = colour(name).slice(1); return [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16)); };
  const [a, b, s] = share < .5 ? [parse('cold'), parse('warm'), share * 2] : [parse('warm'), parse('hot'), share * 2 - 1];
  return 'rgb(' + a.map((x, i) => Math.round(x + (b[i] - x) * s)).join() + ')';
}

function heat(p, figure, width, range, at) {
  const {clients, columns, most, from: begin, step} = p.heat;
  const bytes = Uint8Array.from(atob(p.heat.values || ''), c => c.charCodeAt(0));
  const cells = new Int8Array(bytes.buffer);
  const colours = Array.from({length: most + 1}, (_, i) => mix(i / most));
  // A row of pixels is the worst of its clients, so none is too small to be seen.
  const together = Math.max(1, Math.ceil(clients.length / 400));
  const rows = Math.ceil(clients.length / together);
  const tall = rows ? Math.min(14, Math.max(1, Math.floor(320 / rows))) : 0;
  const inner = Math.max(50, width - left - right), sharp = devicePixelRatio || 1;
  const canvas = make('canvas', {class: 'heat', tabindex: 0, role: 'img', 'aria-label': p.name + ' of each client over time; move with the arrow keys'});
  canvas.width = inner * sharp;
  canvas.height = Math.max(1, rows * tall * sharp);
  Object.assign(canvas.style, {width: inner + 'px', height: rows * tall + 'px', marginLeft: left + 'px'});
  const told = make('output', {class: 'soft'});
  const worst = clients.map((name, i) => {
    const known = cells.subarray(i * columns, (i + 1) * columns).filter(v => v >= 0);
    return {name, mean: known.length ? known.reduce((a, b) => a + b, 0) / known.length : 0};
  }).filter(w => w.mean > 0).sort((a, b) => b.mean - a.mean);
  figure.append(canvas,
    make('div', {class: 'tools soft'}, make('span', {}, '0 ', make('span', {class: 'scale'}), ' ' + most + ' ' + p.unit), make('span', {}, make('span', {class: 'none'}), ' none'),
      make('span', {}, clients.length + ' clients, from ' + (clients[0] ?? 'none') + ' at the top to ' + (clients.at(-1) ?? 'none') + (together > 1 ? '; each line is the worst of ' + together : '')), told),
    make('p', {class: 'soft'}, worst.length ? 'Above 0 were ' + worst.length + ' clients; the highest averages: ' + worst.slice(0, 8).map(w => w.name + ' ' + +w.mean.toPrecision(3) + ' ' + p.unit).join(', ') : 'All are 0.'));
  const value = (row, column) => {
    let highest = -1;
    for (let c = row * together; c < Math.min((row + 1) * together, clients.length); c++) highest = Math.max(highest, cells[c * columns + column]);
    return highest;
  };
  function draw() {
    const g = canvas.getContext('2d'), x = t => (t - range[0]) / (range[1] - range[0]) * canvas.width;
    g.clearRect(0, 0, canvas.width, canvas.height);
    for (let column = 0; column < columns; column++) {
      const from = x(begin + column * step), to = x(begin + (column + 1) * step);
      if (to < 0 || from > canvas.width) continue;
      for (let row = 0; row < rows; row++) {
        const v = value(row, column);
        if (v < 0) continue;
        g.fillStyle = colours[Math.min(v, most)];
        g.fillRect(Math.floor(from), row * tall * sharp, Math.ceil(to) - Math.floor(from), tall * sharp);
      }
    }
  }
  let row = 0, column = 0;
  function tell() {
    row = Math.max(0, Math.min(rows - 1, row));
    column = Math.max(0, Math.min(columns - 1, column));
    const v = value(row, column), last = clients[Math.min((row + 1) * together, clients.length) - 1], first = clients[row * together];
    told.textContent = (first === last ? first : first + ' to ' + last) + ', ' + at(begin + column * step) + ': ' + (v < 0 ? 'none' : v + ' ' + p.unit);
  }
  canvas.onpointermove = e => {
    row = Math.floor(e.offsetY / tall);
    column = Math.floor((range[0] + e.offsetX / inner * (range[1] - range[0]) - begin) / step);
    if (clients.length) tell();
  };
  canvas.onkeydown = e => {
    const move = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key];
    if (!move || !clients.length) return;
    e.preventDefault();
    row += move[0]; column += move[1];
    tell();
  };
  return {zoom: r => { range = r; draw(); }, destroy: () => {}};
}

// What is far down, or folded, is drawn when it comes near.
const built = new Map(), waiting = new Set();
const open = box => { waiting.delete(box); watch.unobserve(box); built.set(box, box.matches('.table') ? table(box) : timeline(box)); };
const watch = new IntersectionObserver(seen => seen.forEach(s => { if (s.isIntersecting && waiting.has(s.target)) open(s.target); }), {rootMargin: '600px'});
document.querySelectorAll('.table, .timeline').forEach(box => { waiting.add(box); watch.observe(box); });
const again = () => built.forEach((build, box) => {
  if (!build) return;
  if (box.offsetParent) { build(); return; }
  waiting.add(box);
  watch.observe(box);
});

let width = innerWidth;
addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; again(); } });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
addEventListener('beforeprint', () => {
  root.classList.add('print');
  waiting.forEach(box => { if (box.offsetParent) open(box); });
  again();
});
addEventListener('afterprint', () => { root.classList.remove('print'); again(); });

// A link to a folded scenario opens it.
const unfold = () => {
  const target = /^#s\d+$/.test(location.hash) && document.querySelector(location.hash);
  if (target) { target.open = true; target.scrollIntoView(); }
};
addEventListener('hashchange', unfold);
document.querySelectorAll('a[href^="#s"]').forEach(a => a.addEventListener('click', () => setTimeout(unfold)));
unfold();
const fold = document.getElementById('fold'), scenarios = [...document.querySelectorAll('.scenario')];
const anyClosed = () => scenarios.some(s => !s.open);
const name = () => { fold.textContent = anyClosed() ? 'Open all scenarios' : 'Close all scenarios'; };
if (fold) {
  fold.onclick = () => { const opens = anyClosed(); scenarios.forEach(s => { s.open = opens; }); };
  scenarios.forEach(s => s.addEventListener('toggle', name));
  name();
}
})();
