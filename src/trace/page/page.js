// Steers: which step is seen, by slider, keys, links and the address.

const byId = (id) => document.getElementById(id);
const page = { step: 0, byTime: false, zoom: 1, shown: [] };

/** The runs that are shown. */
const shownRuns = () => page.runs.filter((_, r) => page.shown[r]);

function open() {
  const data = JSON.parse(byId("data").textContent);
  Object.assign(page, data);
  page.runs = data.runs.map((run) => readRun(run, data));
}

/** Everything that stays while one steps. */
function build() {
  document.documentElement.lang = lang;
  document.title = `turno: ${page.runs.map((run) => run.name).join(", ")}`;
  const button = (id, text, sign) =>
    html`<button id="${id}" aria-label="${say(text)}" title="${say(text)}">${sign}</button>`;
  const many = page.runs.length > 1;
  byId("top").innerHTML = html`<div class="title"><h1>turno</h1>
    <p>${say("Who ran, who was ready, who waited")}</p>
    <button id="lang" lang="${lang === "es" ? "en" : "es"}">${lang === "es" ? "English" : "Español"}</button></div>
    <div class="steer"><span class="buttons">${button("home", "first", "⇤")}${button("prev", "back", "←")}
    ${button("next", "forward", "→")}${button("end", "last", "⇥")}</span>
    <label class="slide"><span>${say("Step")}</span>
      <input id="slider" type="range" min="1" step="1" value="1"></label>
    <output id="count" for="slider"></output></div>
    <div class="options"><fieldset><legend>${say("Step by")}</legend>
      ${[
        ["switch", false],
        ["time", true],
      ].map(
        ([text, byTime]) => html`<label><input type="radio" name="axis"
        value="${byTime ? "time" : "switch"}" ${byTime === page.byTime && "checked"}> ${say(text)}</label>`,
      )}</fieldset>
    ${
      many &&
      html`<fieldset><legend>${say("Runs")}</legend>${page.runs.map(
        (run, r) => html`<label>
      <input type="checkbox" name="run" value="${r}" ${page.shown[r] && "checked"}> ${run.name}</label>`,
      )}</fieldset>`
    }
    <fieldset><legend>${say("Zoom")}</legend>${button("wider", "wider", "−")}${button("closer", "closer", "+")}</fieldset>
    <p class="keys"><kbd>←</kbd> <kbd>→</kbd> ${say("one switch")} <kbd>⇧←</kbd> <kbd>⇧→</kbd> ${say("same task")}
      <kbd>PgUp</kbd> <kbd>PgDn</kbd> ${say("ten")} <kbd>Home</kbd> <kbd>End</kbd> ${say("first and last")}</p></div>
    ${legend()}`;
  byId("runs").innerHTML = page.runs.length
    ? html`${page.runs.map(frame)}`
    : html`<p class="missing" role="note">${say("There is no run in this page.")}</p>`;
  for (const [r, run] of page.runs.entries()) {
    const log = byId(`whole-${r}`);
    log?.addEventListener("toggle", () => {
      const into = log.querySelector("div");
      if (log.open && !into.hasChildNodes()) into.innerHTML = wholeLog(run);
    });
  }
}

function legend() {
  const sign = (drawing, text) =>
    html`<li><svg width="34" height="20" aria-hidden="true">${drawing}</svg>${say(text)}</li>`;
  return html`<ul class="legend">
    ${sign(html`<rect class="running" x="2" y="2" width="30" height="16" rx="2"/>`, "running")}
    ${sign(html`<rect class="ready" x="2" y="6" width="30" height="8" rx="2"/>`, "ready")}
    ${sign(html`<path class="waiting" d="M2 10h30"/>`, "waiting")}
    ${sign(html`<g class="wake"><path class="line" d="M17 1v11"/><path class="head" d="M17 18l-4-7h8z"/></g>`, "wake")}
    ${sign(html`<g class="wake why"><path class="line" d="M17 1v11"/><path class="head" d="M17 18l-4-7h8z"/></g>`, "this one was woken")}
    ${sign(html`<text class="end done" x="12" y="15">✓</text>`, "done")}
    ${sign(html`<text class="sleep" x="17" y="14">z</text>`, "the loop sleeps")}</ul>`;
}

/** The frame of one run. */
function frame(run, r) {
  return html`<section class="run" id="run-${r}" aria-labelledby="name-${r}" ${page.shown[r] || "hidden"}>
    <h2 id="name-${r}">${run.name} <small>${
      run.policy && run.policy !== run.name && say("policy {0}", run.policy)
    }</small></h2>
    ${missing(run, page)}
    ${
      run.switches.length > 0 &&
      html`<p class="now" id="now-${r}" role="status" aria-live="polite"></p>
    <canvas class="strip" id="strip-${r}" role="img" aria-label="${say(
      "Ready queue over the whole run, at most {0}",
      run.most,
    )}"></canvas>
    <div class="picture" id="picture-${r}"></div>
    <div class="panels"><div id="queue-${r}"></div><div id="step-${r}"></div><div id="source-${r}"></div></div>
    <div class="panels rows"><div id="tasks-${r}"></div><div id="log-${r}"></div></div>
    <details id="whole-${r}"><summary>${say("The whole log")}</summary>
    <div class="whole" tabindex="0" role="group" aria-label="${say("The whole log")} ${run.name}"></div></details>`
    }
    </section>`;
}

/** Shows a step. */
function show() {
  const { steps } = page;
  if (!steps.length) return;
  page.step = Math.min(steps.length - 1, Math.max(0, page.step));
  const step = steps[page.step],
    focus = document.activeElement?.id;
  const slider = byId("slider");
  Object.assign(slider, { max: steps.length, value: page.step + 1 });
  const said = page.byTime ? time(step.time) : say("switch {0}", number(step.n, 12));
  slider.setAttribute("aria-valuetext", said);
  byId("count").textContent =
    `${say("step {0} of {1}", number(page.step + 1, 12), number(steps.length, 12))}` +
    (page.byTime ? ` · ${time(step.time)}` : "");
  const box = document.querySelector(".run:not([hidden]) .picture");
  const view = viewOf(page.step, steps, shownRuns(), page, box?.clientWidth || 800);
  shownRuns().forEach((run, i) => {
    if (run.switches.length) showRun(run, page.runs.indexOf(run), view, step.at[i]);
  });
  history.replaceState(null, "", address());
  if (focus && document.activeElement?.id !== focus) byId(focus)?.focus();
}

function showRun(run, r, view, k) {
  const sw = run.switches[Math.max(0, k)],
    put = (id, text) => {
      byId(`${id}-${r}`).innerHTML = text;
    };
  const { svg, seen, lanes, all } = drawRun(run, view, page.steps, sw);
  put("now", tellStep(sw, run));
  put(
    "picture",
    html`${svg}${
      lanes.length < all &&
      html`<p class="more">${say("Lanes of {0} of {1} tasks are shown.", lanes.length, number(all, 12))}</p>`
    }`,
  );
  put("queue", tellQueue(sw, run, r));
  put("step", tellTable(sw, run, r, page));
  put("source", tellSource(sw, page));
  put("log", tellLog(sw, run, r));
  put("tasks", tellTasks(sw, run, page));
  drawStrip(byId(`strip-${r}`), run, seen, sw);
}

/** `#60`: switch 60. `#time=60`: the 60th step of all runs, in the order of time. */
const address = () => (page.byTime ? `#time=${page.step + 1}` : `#${page.steps[page.step].n}`);

function follow() {
  const [, byTime, n] = /^#(time=)?(\d+)$/.exec(location.hash) ?? [];
  if (n === undefined) return;
  setAxis(Boolean(byTime));
  page.step = byTime ? n - 1 : n - page.steps[0]?.n;
}

/** Steps by time or by switch, and stays where it is. */
function setAxis(byTime) {
  const runs = shownRuns(),
    before = page.steps?.[page.step];
  page.byTime = byTime;
  page.steps = readSteps(runs, byTime);
  const k = before?.at[0];
  if (k !== undefined) goTo(runs[0], k, false);
  for (const radio of document.getElementsByName("axis"))
    radio.checked = (radio.value === "time") === byTime;
}

/** Goes to a switch of a run. */
function goTo(run, k, draw = true) {
  const i = shownRuns().indexOf(run),
    n = run.switches[k]?.n;
  const step = page.steps.findIndex((step) =>
    page.byTime ? step.moved === i && step.at[i] === k : step.n === n,
  );
  if (step >= 0) page.step = step;
  if (draw) show();
}

/** The next or last switch of the task that runs now. */
function sameTask(by) {
  const runs = shownRuns(),
    { moved = 0, at } = page.steps[page.step],
    run = runs[moved];
  const { task, k } = run.switches[at[moved]];
  const next = task.ran[last(task.ran, "k", k) + by];
  if (next) goTo(run, next.k);
}

function choose(shown) {
  page.shown = shown;
  page.runs.forEach((_, r) => {
    byId(`run-${r}`).hidden = !shown[r];
  });
  page.steps = undefined;
  setAxis(page.byTime);
  show();
}

function onKey(event) {
  const { key, shiftKey, target } = event;
  if (event.altKey || event.ctrlKey || event.metaKey || !page.steps.length) return;
  if (target.matches("[type=radio], [type=checkbox]") && key.startsWith("Arrow")) return;
  // Where there is something to scroll, these keys scroll.
  if (target.closest("[tabindex]") && !shiftKey) return;
  const on = target === byId("slider") ? { ArrowUp: 1, ArrowDown: -1 } : {};
  const by = {
    ArrowRight: 1,
    ArrowLeft: -1,
    PageDown: 10,
    PageUp: -10,
    Home: -Infinity,
    End: Infinity,
    ...on,
  }[key];
  if (by === undefined) return;
  event.preventDefault();
  if (shiftKey && Math.abs(by) === 1) return sameTask(by);
  page.step += by;
  show();
}

function onClick({ target, clientX }) {
  const actions = {
    home: () => {
      page.step = 0;
    },
    end: () => {
      page.step = page.steps.length - 1;
    },
    prev: () => {
      page.step--;
    },
    next: () => {
      page.step++;
    },
    wider: () => {
      page.zoom = Math.max(0.25, page.zoom / 1.5);
    },
    closer: () => {
      page.zoom = Math.min(16, page.zoom * 1.5);
    },
    lang: () => {
      lang = lang === "es" ? "en" : "es";
      start();
    },
  };
  const button = target.closest("button"),
    picture = target.closest("svg.lanes");
  const strip = target.closest(".strip");
  if (button) {
    actions[button.id]?.();
    show();
  } else if (picture || strip) {
    const run = page.runs[target.closest(".run").id.slice(4)],
      box = (picture ?? strip).getBoundingClientRect();
    const { from, scale, gutter } = picture?.dataset ?? {};
    const whole = page.byTime ? run.end - run.begin : run.switches.length;
    const at = picture
      ? Number(from) + (clientX - box.left - gutter) / scale
      : (page.byTime ? run.begin : 0) + ((clientX - box.left) / box.width) * whole;
    goTo(run, Math.max(0, last(run.switches, page.byTime ? "at" : "k", at)));
  }
}

function start() {
  open();
  build();
  page.steps = undefined;
  setAxis(page.byTime);
  byId("slider").addEventListener("input", ({ target }) => {
    page.step = target.value - 1;
    show();
  });
  byId("top").addEventListener("change", ({ target }) => {
    if (target.name === "axis") setAxis(target.value === "time");
    if (target.name !== "run") return show();
    const shown = [...document.getElementsByName("run")].map((box) => box.checked);
    if (shown.includes(true)) choose(shown);
    else target.checked = true;
  });
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-k]");
  if (!link) return onClick(event);
  event.preventDefault();
  goTo(page.runs[link.dataset.run], Number(link.dataset.k));
});
addEventListener("hashchange", () => {
  follow();
  show();
});
addEventListener("resize", () => show());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());

open();
// Two runs are compared at the same time; one is stepped through switch by switch.
page.shown = page.runs.map((_, r) => r < 2);
page.byTime = page.runs.length > 1;
start();
follow();
show();
