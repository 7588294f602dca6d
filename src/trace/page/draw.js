// Draws a run: lanes with wakes as arrows (SVG), and the ready queue's length over time (canvas).
const LANE = 24,
  TOP = 24,
  MOST_LANES = 26,
  COLUMN = 26;

/** Which part of a run is seen, and where on the paper it lies: the same for all runs. */
function viewOf(step, steps, runs, { byTime, zoom }, width) {
  const gutter = Math.min(116, width * 0.3);
  const columns = Math.max(8, Math.floor((width - gutter) / (COLUMN * zoom)));
  // The window goes on by half of itself, and depends on nothing but the step: what stood at a
  // place stays there while one steps on, and a link shows the same again.
  const window = (at, size) => Math.max(0, Math.floor((at - size / 4) / (size / 2)) * (size / 2));
  let low, size, key;
  if (byTime) {
    const whole = Math.max(1, ...runs.map((run) => run.end - run.begin));
    const most = Math.max(1, ...runs.map((run) => run.switches.length));
    size = Math.max(1, whole * Math.min(1, columns / most));
    low = window(steps[step]?.time ?? 0, size);
    key = "at";
  } else {
    size = columns - (columns % 2);
    low = window(step, size);
    key = "pos";
  }
  const scale = (width - gutter) / size;
  return { low, size, key, gutter, width, scale, byTime, columns };
}

/** The same for one run: what of it is seen, from `from` to `to`, and where a moment lies. */
function windowOf(run, view, steps) {
  // By switch, runs that begin with different numbers still stand in line.
  const first = run.switches[0]?.n ?? 0;
  const from = view.byTime ? run.begin + view.low : view.low + (steps[0]?.n ?? first) - first - 0.3;
  const x = (moment) => view.gutter + (moment[view.key] - from) * view.scale;
  const to = from + view.size;
  const inside = (moment) => moment[view.key] >= from && moment[view.key] <= to;
  const clip = (value) => Math.min(view.width, Math.max(view.gutter, value));
  return { ...view, from, to, x, inside, clip };
}

/** The spans of a task that are seen: how it stood, from where to where. */
function spansOf(task, seen) {
  const spans = [];
  const start = Math.max(0, last(task.stood, seen.key, seen.from));
  for (let i = start; i < task.stood.length; i++) {
    const stood = task.stood[i],
      next = task.stood[i + 1];
    if (stood[seen.key] > seen.to) break;
    if (next && next[seen.key] < seen.from) continue;
    if (ENDED.includes(stood.state) && stood[seen.key] < seen.from) continue;
    spans.push({ state: stood.state, from: stood, to: next });
  }
  return spans;
}

/** The lanes that are shown, in the order of spawning; of too many the liveliest. */
function lanesOf(run, seen, current) {
  const lanes = [];
  for (const task of run.tasks) {
    const spans = task.stood.length ? spansOf(task, seen) : [];
    if (spans.length) lanes.push({ task, spans });
  }
  const worth = ({ task, spans }) =>
    task === current?.task
      ? Infinity
      : spans.length * 4 + (spans.some((span) => span.state === "ready") ? 2 : 0);
  const chosen =
    lanes.length <= MOST_LANES
      ? lanes
      : [...lanes].sort((a, b) => worth(b) - worth(a)).slice(0, MOST_LANES);
  chosen.sort((a, b) => a.task.serial - b.task.serial);
  chosen.forEach((lane, i) => {
    lane.y = TOP + (i + 0.5) * LANE;
  });
  return { lanes: chosen, all: lanes.length };
}

function drawAxis(run, seen, current, bottom) {
  const marks = [],
    parts = [];
  if (seen.byTime) {
    const step = niceStep((seen.size / (seen.width - seen.gutter)) * 84);
    for (
      let at = Math.ceil((seen.from - run.begin) / step) * step;
      at <= seen.low + seen.size;
      at += step
    ) {
      marks.push([seen.x({ at: run.begin + at }), time(at)]);
    }
  } else {
    const every =
      [1, 2, 5, 10, 20, 50].find(
        (n) => n * seen.scale > 8 * String(run.switches.at(-1)?.n).length,
      ) ?? 100;
    for (const sw of switchesOf(run, seen)) {
      if (sw.n % every === 0 || sw === current)
        marks.push([seen.x(sw) + (seen.scale * RAN) / 2, sw.n]);
    }
  }
  if (current && seen.inside(current)) {
    const x = seen.x(current);
    const wide = seen.byTime ? Math.max(4, current.ran * seen.scale) : seen.scale * RAN;
    parts.push(
      html`<rect class="now" x="${x - 3}" y="1" width="${wide + 6}" height="${bottom - 2}" rx="4"/>`,
    );
  }
  for (const [x, label] of marks) {
    const mine = current && label === current.n && !seen.byTime;
    parts.push(html`<text class="tick${mine && " mine"}" x="${x}" y="15">${label}</text>`);
    if (seen.byTime) parts.push(html`<path class="rule" d="M${x} ${TOP - 3}V${bottom}"/>`);
  }
  return parts;
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= least);
}

function switchesOf(run, seen) {
  const list = run.switches,
    found = [];
  for (
    let k = Math.max(0, last(list, seen.key === "pos" ? "k" : "at", seen.from));
    k < list.length;
    k++
  ) {
    const sw = list[k],
      moment = { at: sw.at, pos: sw.k };
    if (moment[seen.key] > seen.to) break;
    if (seen.byTime ? sw.at + sw.ran >= seen.from : sw.k + RAN >= seen.from)
      found.push(Object.assign(sw, { pos: sw.k }));
  }
  return found;
}

function drawLane({ task, spans, y }, run, seen, current) {
  const mine = task === current?.task;
  const parts = [
    html`<text class="name${mine && " mine"}" x="${seen.gutter - 10}" y="${y + 4}">
    <title>${task.label}</title>${short(task.label, seen.gutter / 7.4 - 2)}</text>`,
  ];
  for (const { state, from, to } of spans) {
    const x = seen.clip(seen.x(from)),
      end = to ? seen.x(to) : seen.x({ at: run.end, pos: run.switches.length });
    if (ENDED.includes(state)) {
      const sign = { done: "✓", panicked: "✕", aborted: "⊘" }[state];
      if (seen.inside(from))
        parts.push(html`<text class="end ${state}" x="${x + 3}" y="${y + 4}">${sign}</text>`);
      continue;
    }
    const wide = Math.max(seen.clip(end) - x, state === "running" ? 3 : 0);
    if (wide <= 0) continue;
    const high = { running: 16, ready: 8, waiting: 0 }[state];
    if (state === "waiting") {
      parts.push(html`<path class="waiting" d="M${x} ${y}h${wide}"/>`);
    } else {
      parts.push(
        html`<rect class="${state}" x="${x}" y="${y - high / 2}" width="${wide}" height="${high}" rx="2"/>`,
      );
    }
    if (state === "running" && seen.byTime && wide > 20) {
      const sw = task.ran[last(task.ran, "at", from.at)];
      if (sw) parts.push(html`<text class="in" x="${x + wide / 2}" y="${y + 4}">${sw.n}</text>`);
    }
  }
  return parts;
}

const short = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** Every wake that is seen is an arrow, from the lane of who woke to the lane of who was woken. */
function drawWakes(run, seen, lanes, outside, current) {
  const yOf = new Map(lanes.map((lane) => [lane.task, lane.y]));
  const list = run.wakes,
    parts = [],
    hot = [];
  for (const wake of list) {
    if (!seen.inside(wake)) continue;
    const to = yOf.get(wake.of),
      from = wake.by ? yOf.get(wake.by) : outside;
    if (to === undefined) continue;
    const x = seen.x(wake),
      start = from ?? outside,
      down = to > start ? 1 : -1;
    const kind =
      wake === current?.wake ? "why" : wake.by && current?.woke.includes(wake) ? "made" : "";
    const dot = wake.by ? "" : html`<circle cx="${x}" cy="${start}" r="3.5"/>`;
    (kind ? hot : parts)
      .push(html`<g class="wake ${kind}"><path class="line" d="M${x} ${start}V${to - down * 7}"/>
      <path class="head" d="M${x} ${to - down * 2}l-4 ${-down * 7}h8z"/>${dot}</g>`);
  }
  return [...parts, ...hot];
}

function drawOutside(run, seen, y) {
  const parts = [
    html`<text class="name" x="${seen.gutter - 10}" y="${y + 4}">
    <title>${say("timers, sockets, other threads")}</title>${say("outside")}</text>
    <path class="outside" d="M${seen.gutter} ${y}H${seen.width}"/>`,
  ];
  for (const park of run.parks) {
    const next = run.switches[park.k + 1],
      end = next?.at ?? run.end;
    if (seen.byTime ? end < seen.from || park.at > seen.to : !seen.inside(park)) continue;
    if (seen.byTime) {
      const x = seen.clip(seen.x(park)),
        wide = seen.clip(seen.x({ at: end })) - x;
      parts.push(
        html`<rect class="park" x="${x}" y="${y - 4}" width="${Math.max(2, wide)}" height="8" rx="2"/>`,
      );
      if (wide > 30)
        parts.push(html`<text class="sleep" x="${x + wide / 2}" y="${y - 7}">zzz</text>`);
    } else {
      parts.push(html`<text class="sleep" x="${seen.x(park)}" y="${y + 15}">z</text>`);
    }
  }
  return parts;
}

/** The picture of a run around its current switch. */
function drawRun(run, view, steps, current) {
  const seen = windowOf(run, view, steps);
  const { lanes, all } = lanesOf(run, seen, current);
  const outside = TOP + (lanes.length + 0.5) * LANE,
    height = outside + LANE;
  const label = say("Timeline: {0}", run.name);
  const svg = html`<svg class="lanes" role="img" aria-label="${label}" data-from="${seen.from}"
    data-scale="${seen.scale}" data-gutter="${seen.gutter}" width="${view.width}" height="${height}"
    viewBox="0 0 ${view.width} ${height}">${drawAxis(run, seen, current, height)}
    ${drawOutside(run, seen, outside)}${lanes.map((lane) => drawLane(lane, run, seen, current))}
    ${drawWakes(run, seen, lanes, outside, current)}</svg>`;
  return { svg, seen, lanes, all };
}

/** The length of the ready queue over the whole run, with the part that the lanes show. */
function drawStrip(canvas, run, seen, current) {
  const style = getComputedStyle(canvas),
    ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth,
    height = canvas.clientHeight;
  if (!width) return;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const paper = canvas.getContext("2d");
  paper.scale(ratio, ratio);
  const key = seen.byTime ? "at" : "k",
    begin = seen.byTime ? run.begin : 0;
  const whole = Math.max(1, seen.byTime ? run.end - run.begin : run.switches.length);
  const x = (value) => ((value - begin) / whole) * width;
  const y = (ready) => height - 2 - (ready / Math.max(1, run.most)) * (height - 6);
  paper.fillStyle = style.getPropertyValue("--band");
  paper.fillRect(x(seen.from), 0, Math.max(3, (seen.size / whole) * width), height);
  paper.fillStyle = style.getPropertyValue("--soft");
  paper.strokeStyle = style.getPropertyValue("--run");
  paper.beginPath();
  paper.moveTo(0, y(0));
  for (const sw of run.switches) {
    paper.lineTo(x(sw[key]), y(sw.ready));
    const next = run.switches[sw.k + 1];
    paper.lineTo(x(next ? next[key] : begin + whole), y(sw.ready));
  }
  paper.stroke();
  paper.lineTo(width, height);
  paper.lineTo(0, height);
  paper.fill();
  if (!current) return;
  paper.fillStyle = style.getPropertyValue("--hot");
  paper.fillRect(x(current[key]) - 1, 0, 2.5, height);
}
