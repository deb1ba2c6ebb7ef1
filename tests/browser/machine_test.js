// The page of one machine, against an exporter that is invented.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { MockExporter, MockMachine } from "./mock_exporter.js";
import { PHONE, open, text_of, until, until_text, with_browser } from "./support.js";

/** A machine whose counters go on by the same steps with each sample. */
class SteppingMachine extends MockMachine {
  constructor(steps, fields = {}) {
    super(1, { endpoint: "web-1", ...fields });
    this.steps = steps;
    this.sample = 0;
  }

  full(now) {
    const agent = super.full(now);
    const sample = (this.sample += 1);
    const { total, cores, waiting_us } = this.steps;
    agent.sample_uptime_ms = 1_000_000 + sample * 1000;
    agent.cpu = {
      total: total.map((ticks) => ticks * sample),
      cores: cores.map(({ id, ticks }) => ({ id, ticks: ticks.map((value) => value * sample) })),
    };
    agent.pressure = { waiting_us: waiting_us * sample };
    return agent;
  }
}

const facts = async (page) =>
  Object.fromEntries(
    await page
      .locator(".facts:visible dl div")
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.children[0].textContent,
          row.children[1].textContent.replaceAll("\u00a0", " "),
        ]),
      ),
  );

const tile = (page, name) =>
  page
    .locator(".tile", { hasText: name })
    .locator("dd")
    .innerText()
    .then((text) => text.replaceAll("\u00a0", " ").trim());

describe("a machine", () => {
  with_browser();
  let mock;
  const show = async (machines, path, more = {}) => {
    mock = await new MockExporter(machines).listen();
    return open(mock.url + path, more);
  };
  afterEach(() => mock.close());

  test("shows what its agent says now", async () => {
    const page = await show(
      [new MockMachine(3, { endpoint: "web-3", fixed_percent: 42.5, cpus: 8 })],
      "#/web-3",
    );
    await until_text(page, "h1#machine-title", "web-3");
    await until(async () => (await tile(page, "Busy")) === "42.5 %");
    assert.match(await tile(page, "Load"), /^3\.40\s+3\.06\s+2\.72$/);
    assert.match(await tile(page, "Running"), /^\d\s+0 blocked$/);
    assert.match(await text_of(page, ".heading"), /alive\s+last seen (now|\d+\ss ago)/);
    assert.equal(await page.title(), "web-3 · cpu-monitor");
    await until(async () => "Context switches" in (await facts(page)));
    const known = await facts(page);
    assert.equal(known["System"], "Linux 6.1.0-28-amd64");
    assert.equal(known["site"], "fra-1");
    assert.equal(known["Quota"], "2 cores");
    assert.equal(known["Its clock"], "2 ms behind the exporter's");
    assert.equal(known["Its memory"], "3.5 MiB");
    assert.equal(known["stepped back"], "2");
    assert.equal(known["Context switches"], "5,300 a second");
    assert.equal(known["Some task waited for a CPU"], "3.4 %");
  });

  test("shows the modes between two samples, for the whole and for each core", async () => {
    const steps = {
      total: [50, 0, 20, 110, 10, 0, 10, 0, 0, 0],
      cores: [
        { id: 0, ticks: [50, 0, 20, 20, 10, 0, 0, 0, 0, 0] },
        { id: 3, ticks: [0, 0, 0, 90, 0, 0, 10, 0, 0, 0] },
      ],
      waiting_us: 250_000,
    };
    const page = await show([new SteppingMachine(steps)], "#/web-1");
    const legend = () =>
      page
        .locator(".legend")
        .innerText()
        .then((text) => text.replace(/\s+/g, " ").trim());
    await until(
      async () =>
        (await legend()) ===
        "user 25.0 % nice 0.0 % system 10.0 % irq 0.0 % softirq 5.0 % steal 0.0 % iowait 5.0 % idle 55.0 %",
    );
    const cores = (await page.locator(".cores li").allInnerTexts()).map((text) =>
      text.replace(/\s+/g, " ").trim(),
    );
    assert.deepEqual(cores, ["cpu 0 70 %", "cpu 3 10 %"]);
    assert.equal(
      await page.locator(".cores li").first().getAttribute("title"),
      "busy 70.0 % (user 50.0 %, system 20.0 %, iowait 10.0 %)",
    );
    assert.equal(await tile(page, "Waiting for CPU"), "25.0 %");
    const widths = await page
      .locator(".cores li .modes")
      .first()
      .evaluate((bar) =>
        [...bar.children].map((part) =>
          Math.round(
            (100 * part.getBoundingClientRect().width) / bar.getBoundingClientRect().width,
          ),
        ),
      );
    assert.deepEqual(widths, [50, 0, 20, 0, 0, 0, 10, 20]);
  });

  test("leaves out what is not collected", async () => {
    const page = await show([new MockMachine(1, { endpoint: "bare", load: false })], "#/bare");
    await until(async () => (await tile(page, "Busy")) !== "");
    for (const name of ["Load", "Running", "Waiting for CPU", "Steal"])
      assert.ok(await page.locator(".tile", { hasText: name }).isHidden(), name);
    assert.ok(await page.getByRole("heading", { name: "Modes and cores" }).isHidden());
    const known = await facts(page);
    for (const name of ["Quota", "Context switches", "Core throttled", "Up for"])
      assert.ok(!(name in known), name);
    assert.ok("System" in known);
  });

  test("shows 64 cores as bars and more as a grid", async () => {
    const page = await show(
      [
        new MockMachine(1, { endpoint: "mid", cpus: 64 }),
        new MockMachine(2, { endpoint: "big", cpus: 65 }),
      ],
      "#/mid",
    );
    await until(async () => (await page.locator(".cores li").count()) === 64);
    await page.goto(`${mock.url}#/big`);
    await until(async () => page.locator(".core-grid").isVisible());
    assert.equal(await page.locator(".cores li").count(), 8);
  });

  test("keeps up with 1,024 cores", async () => {
    const page = await show([new MockMachine(2, { endpoint: "big", cpus: 1024 })], "#/big");
    await until_text(page, ".core-grid + .readout", /^1,024 cores, \d+ of them at 90 % or more/);
    const questions = () => mock.requests.filter((path) => path === "/api/v1/agents/big").length;
    const before = questions();
    await until(() => questions() >= before + 3, "three more answers", 5000);
    await page.locator(".core-grid").focus();
    await page.keyboard.press("Home");
    await until_text(page, ".core-grid + .readout", /^cpu 0: busy \d+\.\d %/);
    await page.keyboard.press("ArrowRight");
    await until_text(page, ".core-grid + .readout", /^cpu 1: busy/);
    await page.keyboard.press("End");
    await until_text(page, ".core-grid + .readout", /^cpu 1023: busy/);
  });

  test("draws its last minutes, and reads them out by keyboard", async () => {
    const page = await show(
      [new MockMachine(1, { endpoint: "web-1", fixed_percent: 30, burst_rate: 0 })],
      "#/web-1",
    );
    const chart = page.locator("canvas.chart").first();
    await until(
      async () =>
        (await chart.getAttribute("aria-label")) ===
        "The last 5 minutes. On average 30 % busy, highest 100-ms reading up to 50 %.",
    );
    await chart.focus();
    await page.keyboard.press("Home");
    await until_text(
      page,
      "canvas.chart + .readout",
      /^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d: average 30 %, highest reading up to 50 %$/,
    );
  });

  test("stays there when it is gone, with when it was heard last", async () => {
    const machine = new MockMachine(1, { endpoint: "web-1" });
    const page = await show([machine], "#/web-1");
    await until_text(page, ".heading", "alive");
    machine.state = "gone";
    machine.silent_for_ms = 65_000;
    await until_text(page, ".heading", /gone\s+last seen \d+\ss ago/);
    assert.ok(await page.locator(".tile", { hasText: "Busy" }).isHidden());
    assert.ok(await page.locator("canvas.chart").first().isVisible());
  });

  test("draws nothing of a machine whose last minutes are over", async () => {
    const machine = new MockMachine(1, {
      endpoint: "web-1",
      state: "gone",
      silent_for_ms: 3_000_000,
    });
    const page = await show([machine], "#/web-1");
    await until_text(page, ".heading", /gone\s+last seen 50\smin ago/);
    assert.ok(await page.locator("canvas.chart").first().isHidden());
    assert.ok(await page.getByRole("heading", { name: "Host" }).isVisible());
  });

  test("says of an expected machine that it never came", async () => {
    const page = await show(
      [new MockMachine(1, { endpoint: "late", state: "gone", expected: true, has_come: false })],
      "#/late",
    );
    await until_text(page, ".heading", /never came\s+expected, but it has not come/);
  });

  test("waits for a machine that nobody knows", async () => {
    const machines = [];
    const page = await show(machines, "#/web-9", { failing: true });
    await until_text(page, "#machine", "The exporter knows no machine of this name.");
    assert.ok(await page.locator("#trouble").isHidden());
    machines.push(new MockMachine(9, { endpoint: "web-9" }));
    await until_text(page, ".heading", "alive");
    assert.ok((await page.locator(".empty:visible").count()) === 0);
  });

  test("counts afresh when the machine started again", async () => {
    const machine = new SteppingMachine({
      total: [50, 0, 0, 50, 0, 0, 0, 0, 0, 0],
      cores: [],
      waiting_us: 0,
    });
    const page = await show([machine], "#/web-1");
    await until_text(page, ".legend", "50.0 %");
    machine.steps = { ...machine.steps, total: [30, 0, 0, 70, 0, 0, 0, 0, 0, 0] };
    machine.born_ms += 7_000_000;
    machine.sample = 0;
    await until_text(page, ".legend", "30.0 %");
    assert.match(await text_of(page, ".legend"), /idle\s+70\.0 %/);
  });

  test("tells what the agent costs between two times that it said so", async () => {
    class SparingMachine extends SteppingMachine {
      full(now) {
        const agent = super.full(now);
        agent.self = { cpu_seconds: 10 + 0.03 * Math.floor(this.sample / 3), resident_bytes: 1 };
        return agent;
      }
    }
    const steps = { total: [1, 0, 0, 1], cores: [], waiting_us: 0 };
    const page = await show([new SparingMachine(steps)], "#/web-1");
    await until(async () => "Its memory" in (await facts(page)));
    assert.ok(!("Its CPU now" in (await facts(page))), "it has said so once");
    await until(async () => (await facts(page))["Its CPU now"] === "1.00 % of a core");
  });

  test("goes from machine to machine by its address", async () => {
    const page = await show(
      [
        new MockMachine(1, { endpoint: "a.b-1_c", fixed_percent: 10 }),
        new MockMachine(2, { endpoint: "10.0.0.7:5123", fixed_percent: 20 }),
      ],
      "#/a.b-1_c",
    );
    await until(async () => (await tile(page, "Busy")) === "10.0 %");
    await page.evaluate(() => (location.hash = "#/10.0.0.7:5123"));
    await until(async () => (await tile(page, "Busy")) === "20.0 %");
    await page.goBack();
    await until(async () => (await tile(page, "Busy")) === "10.0 %");
  });

  test("fits on a phone", async () => {
    const page = await show(
      [new MockMachine(1, { endpoint: `${"long-name".repeat(14)}`, cpus: 128 })],
      `#/${"long-name".repeat(14)}`,
      { viewport: PHONE },
    );
    await until(async () => page.locator(".core-grid").isVisible());
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  });
});
