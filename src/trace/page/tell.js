// Says what a picture shows, in words: the sentence of a step, tables, source text, log.

const MOST_ROWS = 40,
  LOG_AROUND = 6,
  SOURCE_AROUND = 3;

/** Names of several tasks. */
const names = (tasks) => tasks.map((task) => task.label).join(", ");

/** Why a task was ready. */
function because(wake) {
  const by = wake?.by?.label;
  switch (wake?.why) {
    case "spawn":
      return by ? say("{0} spawned it", by) : say("it was spawned");
    case "yield":
      return say("it had yielded");
    case "budget":
      return say("it had spent its budget");
    case "task":
      return say("{0} woke it", by ?? "?");
    case "timer":
      return say("a timer woke it");
    case "source":
      return say("source {0} woke it", wake.source);
    case "outside":
      return say("it was woken from outside the loop");
    default:
      return say("of something that was not recorded");
  }
}

/** How a switch ended. */
function ending(sw, run) {
  switch (sw.left) {
    case "yielded":
      return say("Then it yielded and is ready again");
    case "waiting": {
      const waits = sw.waits.map((wait) => translated(wait.text, run)).join(say(" or "));
      return waits ? say("Then it waits for {0}", waits) : say("Then it waits");
    }
    case "done":
      return say("Then it was done");
    case "panicked":
      return say("Then it panicked");
    default:
      return say("How it left was not recorded");
  }
}

function sentences(sw, run) {
  const waited = sw.waited
    ? say("and got its turn after {0}", span(sw.waited))
    : say("and got its turn at once");
  const said = [`${say("It was ready because {0}", because(sw.wake))}, ${waited}`];
  if (sw.left) said.push(say("It ran {0}", span(sw.ran)));
  const spawned = sw.woke.filter((wake) => wake.why === "spawn").map((wake) => wake.of);
  const woken = sw.woke.filter((wake) => wake.why !== "spawn").map((wake) => wake.of);
  if (spawned.length) said.push(say("It spawned {0}", names(spawned)));
  if (woken.length) said.push(say("It woke {0}", names(woken)));
  said.push(ending(sw, run));
  return said.map((sentence) => `${sentence}.`).join(" ");
}

/** The step in a paragraph. */
function tellStep(sw, run) {
  return html`<strong>${say("{0} runs", sw.task.label)}</strong>
    <span class="when">${say("switch {0}", number(sw.n))} · ${say("at {0}", time(sw.at))}</span>
    ${sentences(sw, run)}`;
}

/** What is missing of a recording. */
function missing(run, page) {
  const notes = [];
  if (run.lost) {
    notes.push(
      say(
        "The recorder had no room for the oldest {0} records: the run begins before this.",
        number(run.lost, 12),
      ),
    );
  }
  if (run.cut) {
    notes.push(
      say(
        "Only the last {0} switches are in this page; {1} before them were left out.",
        number(run.switches.length, 12),
        number(run.cut, 12),
      ),
    );
  }
  if (!run.switches.length) {
    notes.push(
      run.tasks.length || run.parks.length || run.policies.length
        ? say("No switch was recorded.")
        : say("Nothing was recorded: was the recorder given to the runtime, and did it run?"),
    );
  } else if (!run.full) {
    notes.push(
      say(
        "Ready queues and reasons were not recorded: this is a flight recorder's. " +
          "Recorder::new() keeps them.",
      ),
    );
  }
  if (run.silent) {
    notes.push(say("Of {0} tasks nothing is recorded in this part.", number(run.silent, 12)));
  }
  return notes.map((note) => html`<p class="missing" role="note">${note}</p>`);
}

/** A link to a switch of this run. */
const link = (r, sw, text, id) =>
  html`<a href="#" data-run="${r}" data-k="${sw.k}" id="${id}">${text}</a>`;

function tellQueue(sw, run, r) {
  const bar = (nanos) =>
    html`<meter class="bar" aria-hidden="true" max="${run.longest}" value="${nanos}"></meter>`;
  const row = (task, i) => {
    const { at = sw.at } = standing(task, sw.k) ?? {};
    const next = task.ran[last(task.ran, "k", sw.k) + 1],
      ready = Math.max(0, sw.at - at);
    return html`<li><span class="who">${task.label}</span> ${bar(ready)}
      <span class="fact">${say("ready for {0}", span(ready))}${
        next && html` · ${link(r, next, say("runs at {0}", next.n), `q${r}-${i}`)}`
      }</span></li>`;
  };
  const rest = sw.ready - sw.queue.length;
  return html`<h3>${say("Ready queue")} <small>${say("in the policy's order")}</small></h3>
    <ol class="queue" tabindex="0" aria-label="${say("Ready queue")} ${run.name}"><li class="picked"><span class="who">▶ ${sw.task.label}</span>
      ${bar(sw.waited)}
      <span class="fact">${say("runs now")} · ${
        sw.reason
          ? html`<q>${translated(sw.reason, run)}</q>`
          : run.full
            ? say("The policy gives no reason.")
            : say("not recorded")
      }</span></li>
    ${sw.queue.map(row)}</ol>
    ${rest > 0 && html`<p class="more">${say("and {0} more", number(rest, 12))}</p>`}
    ${sw.ready === 0 && html`<p class="more">${say("Nobody else was ready.")}</p>`}`;
}

function tellPlace(site, page) {
  const place = page.sites[site];
  return place ? html`<code>${page.files[place[0]][0]}:${place[1]}:${place[2]}</code>` : "";
}

function tellWait(wait, run, page) {
  return html`${translated(wait.text, run)}, ${tellPlace(wait.site, page)}
    ${wait.made >= 0 && html`<br>${say("made at")} ${tellPlace(wait.made, page)}`}
    ${wait.holder && html`<br>${say("locked by {0} at", wait.holder.label)} ${tellPlace(wait.held, page)}`}
    <br><small>${say("since {0}", time(wait.since))}</small>`;
}

function tellTable(sw, run, r, page) {
  const { task } = sw,
    row = (head, cell) => html`<tr><th scope="row">${head}</th><td>${cell}</td></tr>`;
  // The switch in which it was woken, by whoever.
  const k = sw.wake ? Math.floor(sw.wake.pos) : -1,
    waker = sw.wake?.by && run.switches[k];
  const waits = sw.waits.map((wait) => html`<li>${tellWait(wait, run, page)}</li>`);
  return html`<h3>${say("This step")}</h3><table class="step"><tbody>
    ${row(
      say("Task"),
      html`<b>${task.label}</b> <small>${
        task.group !== undefined &&
        say("group {0}, priority {1}, weight {2}", task.group, task.priority, task.weight)
      }</small>
      ${task.site >= 0 && html`<br>${say("spawned at")} ${tellPlace(task.site, page)}`}
      ${run.tasks[task.by] && html` ${say("by")} ${run.tasks[task.by].label}`}`,
    )}
    ${row(
      say("Ready because"),
      html`${sw.wake ? because(sw.wake) : say("not recorded")} ${
        waker && link(r, waker, say("in switch {0}", waker.n), `w${r}`)
      }`,
    )}
    ${row(say("Waited"), span(sw.waited))}
    ${row(say("Ran"), sw.left ? span(sw.ran) : say("not recorded"))}
    ${row(say("Left"), sw.left ? say(sw.left) : say("not recorded"))}
    ${row(
      say("Waits for"),
      waits.length
        ? html`<ul>${waits}</ul>`
        : sw.left === "waiting"
          ? say("not recorded")
          : say("nothing"),
    )}
    ${row(say("Woke or spawned"), sw.woke.length ? names(sw.woke.map((wake) => wake.of)) : say("nobody"))}
    ${row(
      say("Debugger"),
      html`<code class="gdb">break turno::switch_to if n == ${sw.n}</code>${
        page.runs.length > 1 &&
        html`<br><small>${say("Each runtime of a program counts its switches from 1.")}</small>`
      }`,
    )}
    </tbody></table>`;
}

/** The source text where the task came from and where it waits now, or where it was spawned. */
function tellSource(sw, page) {
  const head = html`<h3>${say("Source")}</h3>`;
  if (!page.sources) return html`${head}<p>${say("This page was made without source text.")}</p>`;
  const marks = new Map(); // By file and line.
  const mark = (site, sign) => {
    const [file, line] = page.sites[site] ?? [];
    if (file === undefined) return;
    const lines = marks.get(file) ?? marks.set(file, new Map()).get(file);
    lines.set(
      line,
      lines.has(line) && lines.get(line) !== sign ? `${lines.get(line)}, ${sign}` : sign,
    );
  };
  for (const wait of sw.before?.waits ?? []) mark(wait.site, say("came from"));
  for (const wait of sw.waits) mark(wait.site, say("waits"));
  if (!marks.size || !sw.before) mark(sw.task.site, say("spawn"));
  if (!marks.size) return html`${head}<p>${say("No place in the source was recorded here.")}</p>`;
  return html`${head}${[...marks].map(([file, lines]) => tellFile(page.files[file], lines))}`;
}

function tellFile([file, text], marks) {
  if (text === null) return html`<p>${say("The text of {0} is not in this page.", file)}</p>`;
  const all = text.split("\n"),
    shown = [];
  for (let n = 1; n <= all.length; n++) {
    if (![...marks.keys()].some((line) => Math.abs(line - n) <= SOURCE_AROUND)) continue;
    if (shown.length && shown.at(-1) !== n - 1) shown.push(0);
    shown.push(n);
  }
  // As far to the left as it goes.
  const indents = shown.map((n) => (all[n - 1]?.trim() ? all[n - 1].search(/\S/) : Infinity));
  const indent = Math.min(...indents);
  const body = shown.map((n) =>
    n === 0
      ? html`<span>⋯</span>\n`
      : html`<span class="${marks.has(n) && "marked"}"><i>${String(n).padStart(4)}</i> ${all[
          n - 1
        ].slice(indent)}${marks.has(n) && html` <em>◀ ${marks.get(n)}</em>`}</span>\n`,
  );
  return html`<p class="file">${file}</p><pre tabindex="0" aria-label="${file}">${body}</pre>`;
}

/** The tasks as they stand at this step. */
function tellTasks(sw, run, page) {
  const count = { ready: 0, waiting: 0, done: 0 },
    rows = [];
  for (const task of run.tasks) {
    const now = standing(task, sw.k);
    if (!now) continue;
    const over = ENDED.includes(now.state);
    if (over) count.done++;
    else if (now.state !== "running") count[now.state]++;
    if (!over || now.last?.k >= sw.k - 20) rows.push([task, now]);
  }
  const rank = ([task, now]) =>
    ["running", "ready", "waiting"].indexOf(now.state) + 4 * ENDED.includes(now.state);
  if (rows.length > MOST_ROWS) rows.sort((a, b) => rank(a) - rank(b));
  const sign = { running: "▶", ready: "▭", waiting: "–", done: "✓", panicked: "✕", aborted: "⊘" };
  const row = ([task, { state, at, last: sw_ }]) => html`<tr class="is-${state}">
    <th scope="row">${task.label}</th><td><b>${sign[state]}</b> ${say(state)}</td>
    <td class="n">${state === "running" || ENDED.includes(state) ? "" : span(Math.max(0, sw.at - at))}</td>
    <td>${state === "waiting" && sw_?.waits.map((wait) => translated(wait.text, run)).join(say(" or "))}</td>
    <td class="n">${sw_?.turns ?? 0}</td><td class="n">${span(sw_?.sumRan ?? 0)}</td>
    <td class="n">${span(sw_?.sumWaited ?? 0)}</td><td class="n">${span(sw_?.maxWaited ?? 0)}</td></tr>`;
  return html`<h3>${say("Tasks at this step")} <small>${say("{0} ready", number(count.ready, 12))} ·
    ${say("{0} waiting", number(count.waiting, 12))} · ${say("{0} done", number(count.done, 12))}</small></h3>
    <div class="wide" tabindex="0" role="group" aria-label="${say("Tasks at this step")} ${run.name}">
    <table class="tasks"><thead><tr>${[
      "Task",
      "State",
      "For",
      "Waits for",
      "Switches",
      "Ran",
      "Waited",
      "Longest wait",
    ].map((head) => html`<th scope="col">${say(head)}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, MOST_ROWS).map(row)}</tbody></table></div>
    ${rows.length > MOST_ROWS && html`<p class="more">${say("and {0} more", number(rows.length - MOST_ROWS, 12))}</p>`}`;
}

const logLine = (sw, run) =>
  `${String(sw.n).padStart(5)}  ${time(sw.at).padStart(13)}  ${sw.task.label}: ${sentences(sw, run)}`;

function tellLog(sw, run, r) {
  const near = run.switches.slice(Math.max(0, sw.k - LOG_AROUND), sw.k + LOG_AROUND + 1);
  return html`<h3>${say("Log")}</h3><ol class="log">${near.map(
    (one) => html`<li class="${
      one === sw && "mine"
    }"><a href="#" data-run="${r}" data-k="${one.k}" id="l${r}-${one.k}"
    aria-current="${one === sw ? "step" : "false"}">${one.n}</a> <b>${one.task.label}</b>
    <span class="fact">${sentences(one, run)}</span></li>`,
  )}</ol>`;
}

/** All of the log, in pieces that the browser need not lay out before they are seen. */
function wholeLog(run) {
  const pieces = [];
  for (let k = 0; k < run.switches.length; k += 200) {
    const lines = run.switches.slice(k, k + 200).map((sw) => logLine(sw, run));
    pieces.push(html`<pre>${lines.join("\n")}</pre>`);
  }
  return html`${pieces}`;
}
