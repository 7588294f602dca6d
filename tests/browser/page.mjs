// Opens pages of recorded runs in a headless browser and uses them as a person would.
//
//   node tests/browser/page.mjs target/tmp/page      (the pages that `cargo test --test page` left)
//
// Needs the npm packages playwright-core and axe-core (NODE_PATH may say where), and a Chromium:
// CHROMIUM, or /usr/bin/chromium. Fails on any request, any error in a page, and any of axe's
// violations.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const folder = resolve(process.argv[2] ?? "target/tmp/page");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});

/** Opens a page, hands it to `use`, and fails on whatever went wrong in the meantime. */
async function visit(file, options, use) {
  // axe is put in by the test, which the page's own policy would not allow.
  const viewport = { width: 1280, height: 800 };
  const context = await browser.newContext({ bypassCSP: true, viewport, ...options });
  const page = await context.newPage(),
    wrong = [];
  page.on("pageerror", (error) => wrong.push(error.stack));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("request", (request) => {
    const own = request.isNavigationRequest() || request.url().startsWith("data:");
    if (!own) wrong.push(`request: ${request.url()}`);
  });
  await page.goto(pathToFileURL(`${folder}/${file}`).href);
  await use(page);
  assert.deepEqual(wrong, [], file);
  await context.close();
}

async function accessible(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => axe.run());
  const told = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 200)).join("\n")}`,
  );
  assert.deepEqual(told, []);
  assert(passes.length > 20, "axe looked at the page");
  return passes.length;
}

const now = (page, run = 0) => page.locator(`#now-${run}`).innerText();
const count = (page) => page.locator("#count").innerText();

const tests = {
  async "2,000 switches open in under half a second, and a step takes no time"() {
    await visit("long.html", {}, async (page) => {
      // Once more, with a warm browser: what is measured is the page.
      await page.reload();
      const open = await page.evaluate(
        () => performance.getEntriesByType("navigation")[0].duration,
      );
      const step = await page.evaluate(() => {
        const begin = performance.now();
        for (let i = 0; i < 100; i++) {
          const key = new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true });
          document.body.dispatchEvent(key);
          document.body.getBoundingClientRect();
        }
        return (performance.now() - begin) / 100;
      });
      console.log(`   opens in ${open.toFixed()} ms; ${step.toFixed(1)} ms a step`);
      assert(open < 500, `${open} ms`);
      assert.match(await now(page), /switch 101/);
      assert(step < 50, `${step} ms a step`);
    });
  },

  async "keys, slider, links and the address lead to a step"() {
    await visit("two.html", {}, async (page) => {
      await page.getByLabel("switch", { exact: true }).check();
      await page.keyboard.press("Home");
      await page.locator("h1").click();
      assert.match(await now(page), /^block_on runs\s+switch 1 /);
      for (const [key, n] of [
        ["ArrowRight", 2],
        ["PageDown", 12],
        ["PageUp", 2],
        ["ArrowLeft", 1],
      ]) {
        await page.keyboard.press(key);
        assert.match(await now(page), new RegExp(`switch ${n} `), key);
        assert.match(page.url(), new RegExp(`#${n}$`));
      }
      await page.keyboard.press("End");
      assert.match(await count(page), /^step (\d+) of \1$/);
      await page.locator("#slider").fill("7");
      assert.match(await now(page), /switch 7 /);
      assert.match(await now(page, 1), /switch 7 /);
      const who = (await now(page)).split(" ")[0];
      await page.keyboard.press("Shift+ArrowRight");
      assert.equal((await now(page)).split(" ")[0], who, "the same task");
      assert.doesNotMatch(await now(page), /switch 7 /);
      await page.locator("#slider").fill("7");
      await page.locator("#l0-3").focus();
      await page.keyboard.press("Enter");
      assert.match(await now(page), /switch 4 /);
      assert.equal(await page.evaluate(() => document.activeElement.id), "l0-3", "focus stays");
      await page.evaluate(() => {
        location.hash = "#9";
      });
      await page.waitForFunction(() =>
        document.querySelector("#now-0").innerText.includes("switch 9 "),
      );
    });
  },

  async "two runs go step by step in the order of time"() {
    await visit("two.html", {}, async (page) => {
      const at = async (run) => Number(/at ([\d.]+)/.exec(await now(page, run))[1]);
      assert.match(page.url(), /#time=1$/, "two runs are compared in time");
      await page.keyboard.press("End");
      const [steps] = /\d+$/.exec((await count(page)).split(" ·")[0]);
      const switches = await page.evaluate(() =>
        JSON.parse(document.getElementById("data").textContent).runs.map(
          (run) => run.events.filter((event) => event[0] === 2).length,
        ),
      );
      assert.equal(Number(steps), switches[0] + switches[1], "each switch of each is a step");
      await page.keyboard.press("Home");
      for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowRight");
      assert(Math.abs((await at(0)) - (await at(1))) <= 2, `${await at(0)} and ${await at(1)}`);
      const notes = page.locator("[name=run]");
      await notes.nth(1).uncheck();
      assert.equal(await page.locator(".run:visible").count(), 1);
    });
  },

  async "every wake in sight is an arrow, from whoever woke"() {
    await visit("two.html", {}, async (page) => {
      await page.getByLabel("switch", { exact: true }).check();
      await page.keyboard.press("Home");
      // 10 tasks are spawned in the first switch; the root itself is woken from outside.
      const drawn = () => page.locator("#picture-0 .wake").count();
      assert((await drawn()) >= 11, `${await drawn()} arrows`);
      const expected = await page.evaluate(() => {
        const run = JSON.parse(document.getElementById("data").textContent).runs[0];
        return run.events.filter(([kind, , , why]) => kind === 1 && why !== 1 && why !== 2).length;
      });
      for (let i = 0; i < 6; i++) await page.locator("#wider").click();
      assert.equal(await drawn(), expected, "all of them, when all of the run is in sight");
      const made = await page.locator("#picture-0 .wake.made").count();
      assert.equal(made, 10, "those of this switch stand out");
      await page.keyboard.press("ArrowRight");
      const why = await page.locator("#picture-0 .wake.why").count();
      assert.equal(why, 1, "so does the one that led here");
    });
  },

  async "the queue, the reason, the place and the debugger's line are told"() {
    await visit("two.html", {}, async (page) => {
      await page.evaluate(() => {
        location.hash = "#4";
      });
      await page.waitForFunction(() =>
        document.querySelector("#now-1").innerText.includes("switch 4 "),
      );
      const queue = await page.locator("#queue-1 .who").allInnerTexts();
      assert.deepEqual(
        queue.slice(0, 3),
        ["▶ task-8", "task-7", "task-6"],
        "the most urgent first",
      );
      assert.match(await page.locator("#queue-1 q").innerText(), /^priority 160/);
      const step = await page.locator("#step-1").innerText();
      assert.match(step, /break turno::switch_to if n == 4/);
      assert.match(step, /tests\/page\.rs:\d+:\d+/);
      assert.match(await page.locator("#source-1 pre").innerText(), /work\(MS\)\.await/);
      await page.locator("#whole-1 summary").click();
      await page.locator("#whole-1 .whole", { hasText: "task-8: It was ready" }).waitFor();
    });
  },

  async "what is missing is told"() {
    await visit("some.html", {}, async (page) => {
      await page.locator("[name=run]").nth(2).check();
      const notes = (await page.locator("[role=note]").allInnerTexts()).join("\n");
      assert.match(notes, /no room for the oldest \d+ records/);
      assert.match(notes, /Ready queues and reasons were not recorded/);
      assert.match(notes, /Nothing was recorded/);
      assert.match(await page.locator("#source-0").innerText(), /made without source text/);
      assert.match(await page.locator("#picture-0").innerText(), /Lanes of 26 of \d+ tasks/);
      await accessible(page);
    });
    await visit("none.html", {}, async (page) => {
      assert.match(await page.locator("[role=note]").innerText(), /no run in this page/);
    });
    await visit("unnamed.html", {}, async (page) => {
      assert.equal((await page.locator("h2").innerText()).trim(), "Fifo", "its policy's name");
      await accessible(page);
    });
    await visit("empty.html", {}, async (page) => {
      assert.match(await page.locator("[role=note]").innerText(), /Nothing was recorded/);
      await accessible(page);
    });
  },

  async "axe finds nothing, light and dark, in English and Spanish, and at 200 %"() {
    for (const options of [
      { colorScheme: "light" },
      { colorScheme: "dark", locale: "es-AR" },
      { viewport: { width: 640, height: 400 }, reducedMotion: "reduce" },
    ]) {
      await visit("two.html", options, async (page) => {
        await page.keyboard.press("PageDown");
        console.log(`   axe: ${await accessible(page)} checks pass`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert(wide <= 0, `scrolls sideways by ${wide}`);
      });
    }
  },

  async "it speaks the browser's language, whole"() {
    await visit("some.html", { locale: "es-AR" }, async (page) => {
      assert.equal(await page.evaluate(() => document.documentElement.lang), "es");
      await page.locator("[name=run]").nth(2).check();
      const text = await page.locator("body").innerText();
      for (const word of ["ready", "waiting", "switch ", "nobody", "policy", "recorded", "Ran"]) {
        assert(!text.replace(/turno::switch_to/g, "").includes(word), word);
      }
      await page.getByText("English").click();
      assert.match(await now(page), /runs/);
    });
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    console.log(name);
    await test();
  } catch (error) {
    failed++;
    console.error(`   FAILED: ${error.stack}`);
  }
}
await browser.close();
console.log(failed ? `${failed} of ${Object.keys(tests).length} failed` : "all pass");
process.exit(failed ? 1 : 0);
