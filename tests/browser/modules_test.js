// The page's arithmetic, called in the browser it is for.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { MockExporter } from "./mock_exporter.js";
import { open, with_browser } from "./support.js";

describe("the page's modules", () => {
  with_browser();
  let mock;
  before(async () => {
    mock = await new MockExporter([]).listen();
  });
  after(() => mock.close());

  let page;
  beforeEach(async () => {
    page = await open(mock.url);
  });

  /** What the function `name` of `file` returns. */
  const call = (file, name, ...given) =>
    page.evaluate(
      async ([path, name, given]) => (await import(path))[name](...given),
      [`/page/${file}`, name, given],
    );

  const machine = (sample_uptime_ms, more) => ({ sample_uptime_ms, boot_time_ms: 1000, ...more });
  const cpu = (...ticks) => ({ cpu: { total: ticks, cores: [] } });

  test("ticks are divided by ticks; guest is within user", async () => {
    const { total } = await call(
      "counters.js",
      "between",
      machine(1000, cpu(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
      machine(9000, cpu(30, 0, 10, 50, 10, 0, 0, 0, 30, 0)),
    );
    assert.deepEqual(
      total.parts.map((part) => Math.round(part * 100)),
      [30, 0, 10, 0, 0, 0, 10, 50],
    );
    assert.equal(Math.round(total.busy * 100), 40);
  });

  test("a counter that fell counts as one that stood", async () => {
    const { total } = await call(
      "counters.js",
      "between",
      machine(1000, cpu(10, 0, 0, 10, 90)),
      machine(2000, cpu(20, 0, 0, 40, 80)),
    );
    assert.deepEqual(
      total.parts.map((part) => Math.round(part * 100)),
      [25, 0, 0, 0, 0, 0, 0, 75],
    );
  });

  test("without a tick there is no share", async () => {
    const change = await call(
      "counters.js",
      "between",
      machine(1000, cpu(10, 0, 0, 10)),
      machine(2000, cpu(10, 0, 0, 10)),
    );
    assert.equal(change.total, undefined);
  });

  test("nothing is said of the time between two starts, or of no time at all", async () => {
    const before = machine(5000, cpu(1, 1, 1, 1));
    assert.equal(
      await call("counters.js", "between", before, machine(5000, cpu(2, 2, 2, 2))),
      undefined,
    );
    assert.equal(
      await call("counters.js", "between", before, machine(4000, cpu(2, 2, 2, 2))),
      undefined,
    );
    assert.equal(
      await call("counters.js", "between", before, {
        ...machine(6000, cpu(2, 2, 2, 2)),
        boot_time_ms: 90_000_000,
      }),
      undefined,
    );
    assert.notEqual(
      await call("counters.js", "between", before, {
        ...machine(6000, cpu(2, 2, 2, 2)),
        boot_time_ms: 2000,
      }),
      undefined,
    );
  });

  test("a core that came later has no share yet", async () => {
    const of = (...cores) => ({
      cpu: { total: [1, 0, 0, 1], cores: cores.map(([id, ticks]) => ({ id, ticks })) },
    });
    const change = await call(
      "counters.js",
      "between",
      machine(1, of([0, [1, 0, 0, 1]])),
      machine(2, of([0, [2, 0, 0, 1]], [7, [5, 0, 0, 5]])),
    );
    assert.deepEqual(
      change.cores.map(({ id, share }) => [id, share?.busy]),
      [
        [0, 1],
        [7, undefined],
      ],
    );
  });

  test("what is absent on either side has no rate; a counter that fell has none", async () => {
    const change = await call(
      "counters.js",
      "between",
      machine(1000, { pressure: { waiting_us: 5 }, forks: 9, context_switches: 100 }),
      machine(3000, { forks: 3, context_switches: 300, interrupts: 4 }),
    );
    assert.equal(change.waiting, undefined);
    assert.equal(change.forks, undefined);
    assert.equal(change.interrupts, undefined);
    assert.equal(change.context_switches, 100);
  });

  const history = (end_ms, ...percent) => ({
    step_ms: 2000,
    end_ms,
    percent,
    peak: percent.map((value) => (value === null ? null : value + 1)),
  });

  test("new slots replace those that were not over, and stand behind the others", async () => {
    assert.deepEqual(
      (await call("history.js", "merged", history(10_000, 1, 2, 3), history(10_000, 22, 33)))
        .percent,
      [1, 22, 33],
    );
    assert.deepEqual(
      (await call("history.js", "merged", history(10_000, 1, 2, 3), history(12_000, 33, 4)))
        .percent,
      [1, 2, 33, 4],
    );
    assert.deepEqual(
      (await call("history.js", "merged", history(10_000, 1, 2, 3), history(14_000, 4, null)))
        .percent,
      [1, 2, 3, 4, null],
    );
  });

  test("a gap in the slots asks for all of them again", async () => {
    assert.equal(
      await call("history.js", "merged", history(10_000, 1, 2, 3), history(16_000, 5, 6)),
      undefined,
    );
    assert.equal(
      await call("history.js", "merged", history(10_000, 1, 2, 3), history(8000, 5, 6)),
      undefined,
    );
    assert.equal(await call("history.js", "merged", undefined, history(8000, 5, 6)), undefined);
  });

  test("no more slots are kept than the exporter has", async () => {
    const full = history(300_000, ...Array.from({ length: 150 }, (_, i) => i % 100));
    const kept = await call("history.js", "merged", full, history(302_000, 49, 77));
    assert.equal(kept.percent.length, 150);
    assert.deepEqual(kept.percent.slice(-2), [49, 77]);
    assert.equal(kept.percent[0], 1);
  });

  test("bursts are contiguous readings of 90 % or more", async () => {
    const busy = [10, 90, 100, 89.5, 95, 5, 91];
    const found = await call("bursts.js", "bursts_of", {
      interval_ms: 100,
      time_ms: busy.map((_, i) => 1100 + i * 100),
      busy,
      busiest_core: busy.map(() => 100),
      system: busy,
      steal: busy,
    });
    assert.deepEqual(
      found.map(({ start_ms, length_ms, highest }) => [start_ms, length_ms, highest]),
      [
        [1100, 200, 100],
        [1400, 100, 95],
        [1600, 100, 91],
      ],
    );
  });

  test("a late reading is no hole, a missing one of three is", async () => {
    const holes = (...time_ms) => call("bursts.js", "holes_of", { interval_ms: 100, time_ms });
    assert.deepEqual(await holes(100, 205, 400), []);
    assert.deepEqual(await holes(100, 301), [{ from_ms: 100, to_ms: 201 }]);
  });

  test("addresses are read as they are written", async () => {
    for (const route of [
      { view: "machine", endpoint: "a/b?c#d%", recorder: false },
      { view: "machine", endpoint: "web-1", recorder: true },
      { view: "fleet", state: "gone", search: "a&b=c", sort: "name", page: 3 },
    ]) {
      assert.deepEqual(
        await call("route.js", "route_of", await call("route.js", "fragment_of", route)),
        route,
      );
    }
    assert.equal((await call("route.js", "route_of", "#/%E0%A4%A")).endpoint, "%E0%A4%A");
  });

  test("spans, ages and sizes are read in their largest units", async () => {
    const said = async (name, ...given) =>
      (await call("format.js", name, ...given)).replaceAll("\u00a0", " ");
    assert.equal(await said("age", 999), "now");
    assert.equal(await said("age", 4200), "4 s ago");
    assert.equal(await said("age", 190_000), "3 min ago");
    assert.equal(await said("duration", 300), "0.3 s");
    assert.equal(await said("duration", 120_000), "2 min");
    assert.equal(await said("duration", 1_065_600_000), "12 d 8 h");
    assert.equal(await said("duration", 3_600_500), "1 h");
    assert.equal(await said("bytes", 1023), "1023 B");
    assert.equal(await said("bytes", 3_670_016), "3.5 MiB");
  });
});
