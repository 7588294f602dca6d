// Reads a run: from the events that were recorded, what each task did when.
//
// Every moment has two places on an axis. `at` is its time in nanoseconds. `pos` counts switches:
// switch k of the run is from k to k + RAN, the wakes that it makes are at k + RAN, those of timers
// and of the world outside at k + OUT, and what follows is before k + 1.
const RAN = 0.66,
  OUT = 0.86;
const LEFT = ["yielded", "waiting", "done", "panicked"];
const CAUSE = ["spawn", "yield", "budget", "task", "timer", "source", "outside"];
const ENDED = ["done", "panicked", "aborted"];

/** The last index of `list` whose `key` is at most `value`; -1 if there is none. */
function last(list, key, value) {
  let low = -1,
    high = list.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (list[middle][key] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

function readTask([serial, name, site = -1, by = -1, born = 0, group, priority, weight], index) {
  // `stood`: how it stood from when on. `ran`: its switches.
  return { index, serial, name, site, by, born, group, priority, weight, stood: [], ran: [] };
}

/** From here on the task stands like this. */
function stand(task, state, at, pos, prior) {
  const before = task.stood.at(-1);
  // What was before the first that is known of it can often be told from that.
  if (!before && prior) task.stood.push({ state: prior.state, at: prior.at, pos: -1 });
  if (before?.state === state) return;
  task.stood.push({ state, at: Math.max(at, before?.at ?? at), pos });
}

function readRun(raw, page) {
  const run = { ...raw, tasks: raw.tasks.map(readTask), switches: [], wakes: [], parks: [] };
  const cause = new Map(); // Why a task is ready, by its index.
  const now = { k: -1, switch: undefined };
  run.policies = [];
  for (const event of raw.events) readEvent(run, page, event, cause, now);
  run.begin = raw.events[0]?.[1] ?? 0;
  run.end = raw.events.at(-1)?.[1] ?? 0;
  run.most = run.switches.reduce((most, sw) => Math.max(most, sw.ready), 0);
  // A name that several tasks have is told with its number.
  const uses = new Map();
  for (const { name } of run.tasks) uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const task of run.tasks) {
    task.label =
      task.name === null
        ? `${say("task")} ${task.serial}`
        : uses.get(task.name) > 1
          ? `${task.name}·${task.serial}`
          : task.name;
  }
  // A run without a name is called by its policies.
  run.policy = run.policies.map((policy) => policy.name).join(" → ");
  run.name ||= run.policy || say("run");
  run.bySerial = new Map(run.tasks.map((task) => [task.serial, task]));
  run.longest = run.switches.reduce((most, sw) => Math.max(most, sw.waited), 1);
  return run;
}

function readEvent(run, page, event, cause, now) {
  const [kind, at] = event,
    task = run.tasks[event[2]];
  if (kind === 0) {
    run.policies.push({ k: now.k + 1, name: page.texts[event[2]] });
  } else if (kind === 1) {
    const [, , , code, arg, since] = event,
      why = CAUSE[code];
    const by = why === "task" || why === "spawn" ? arg : -1;
    const pos = now.k + (by >= 0 || why === "yield" || why === "budget" ? RAN : OUT);
    const wake = { of: task, why, by: run.tasks[by], source: arg, at: since, pos };
    const prior = why === "spawn" ? undefined : { state: "waiting", at: task.born };
    stand(task, "ready", since, pos, prior);
    cause.set(task.index, wake);
    if (why === "yield" || why === "budget") return;
    run.wakes.push(wake);
    if (wake.by && wake.by === now.switch?.task) now.switch.woke.push(wake);
  } else if (kind === 2) {
    const [, , , n, waited, ready, reason, ...queue] = event,
      before = task.ran.at(-1);
    const sw = { k: ++now.k, n, task, at, waited, ready, before, woke: [], ran: 0, waits: [] };
    sw.reason = page.texts[reason];
    sw.queue = queue.map((index) => run.tasks[index]);
    sw.wake = cause.get(task.index);
    cause.delete(task.index);
    sw.turns = (before?.turns ?? 0) + 1;
    sw.sumWaited = (before?.sumWaited ?? 0) + waited;
    sw.maxWaited = Math.max(before?.maxWaited ?? 0, waited);
    stand(task, "running", at, sw.k, { state: "ready", at: at - waited });
    task.ran.push(sw);
    run.switches.push(sw);
    now.switch = sw;
  } else if (kind === 3) {
    const [, , , left, ran, ...waits] = event;
    stand(task, left === 0 ? "ready" : LEFT[left], at, now.k + RAN);
    if (now.switch?.task !== task) return;
    Object.assign(now.switch, { left: LEFT[left], ran, end: at });
    now.switch.sumRan = (now.switch.before?.sumRan ?? 0) + ran;
    now.switch.waits = waits.map(([text, site, since, made, holder, held]) => ({
      text: page.texts[text],
      site,
      since,
      made,
      holder: run.tasks[holder],
      held,
    }));
  } else if (kind === 4) {
    stand(task, "aborted", at, now.k + RAN, { state: "waiting", at: task.born });
  } else {
    run.parks.push({ at, until: event[2], k: now.k, pos: now.k + OUT });
  }
}

/** How a task stands during switch `k`: its state, since when, and its last switch until then. */
function standing(task, k) {
  const pos = k + RAN / 2;
  const stood = task.stood[last(task.stood, "pos", pos)];
  return stood && { ...stood, last: task.ran[last(task.ran, "k", k)] };
}

/** The steps from first to last: which switch of each run is the current one at each of them. */
function readSteps(runs, byTime) {
  const all = runs.filter((run) => run.switches.length);
  if (!all.length) return [];
  if (byTime) {
    const at = runs.map(() => 0);
    const order = runs.flatMap((run, r) => run.switches.map((sw) => [sw.at - run.begin, r, sw.k]));
    order.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return order.map(([time, r, k]) => {
      at[r] = k;
      return { time, moved: r, at: [...at] };
    });
  }
  const low = Math.min(...all.map((run) => run.switches[0].n));
  const high = Math.max(...all.map((run) => run.switches.at(-1).n));
  return Array.from({ length: high - low + 1 }, (_, i) => ({
    n: low + i,
    at: runs.map((run) => Math.max(0, last(run.switches, "n", low + i))),
  }));
}
