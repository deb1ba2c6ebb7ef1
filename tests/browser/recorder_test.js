// The flight recorder, against an exporter that is invented.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { MockExporter, MockMachine } from "./mock_exporter.js";
import { PHONE, open, text_of, until, until_text, with_browser } from "./support.js";

const BURSTS = [
  { ago_ms: 420_000, length_ms: 6100, busy: 98.5 },
  { ago_ms: 123_000, length_ms: 300, busy: 100 },
  { ago_ms: 20_000, length_ms: 100, busy: 92 },
];
const recorded = (fields = {}) =>
  new MockMachine(8, { endpoint: "rec-1", cpus: 4, fixed_percent: 8, bursts: BURSTS, ...fields });

const body_of = async (page) =>
  (await page.locator(".bursts tbody tr").allInnerTexts()).map((row) =>
    row
      .replaceAll("\u00a0", " ")
      .split(/\t/)
      .map((cell) => cell.trim()),
  );
const span = (page) => text_of(page, ".span").then((text) => text.replaceAll("\u00a0", " "));

const slider = (page, name) => page.getByRole("slider", { name });

describe("the flight recorder", () => {
  with_browser();
  let mock;
  const show = async (machine, path = "#/rec-1/recorder", more = {}) => {
    mock = await new MockExporter([machine]).listen();
    return open(mock.url + path, more);
  };
  afterEach(() => mock.close());

  test("is opened by its button, and linked by its address", async () => {
    const page = await show(recorded(), "#/rec-1");
    const button = page.getByRole("button", { name: "Show the last 10 minutes" });
    await button.click();
    await until_text(
      page,
      ".card [role=status]",
      /^6,000\sreadings from \d\d:\d\d:\d\d\.\d to \d\d:\d\d:\d\d\.\d \(UTC.*\), without a hole\.$/,
    );
    assert.match(page.url(), /#\/rec-1\/recorder$/);
    assert.ok(mock.requests.includes("/agents/rec-1/recording?last=10m"));
    await page.getByRole("button", { name: "Close" }).click();
    await until(async () => page.locator(".recorder").isHidden());
    assert.match(page.url(), /#\/rec-1$/);
  });

  test("lists the bursts, the highest first, and sorts them", async () => {
    const page = await show(recorded());
    await until(async () => (await body_of(page)).length === 3);
    assert.equal(
      await text_of(page, ".bursts caption").then((text) => text.replaceAll("\u00a0", " ")),
      "3 bursts at 90 % or more",
    );
    assert.deepEqual(
      (await body_of(page)).map((row) => row.slice(1, 3)),
      [
        ["300 ms", "100.0 %"],
        ["6.1 s", "98.5 %"],
        ["100 ms", "92.0 %"],
      ],
    );
    await page.locator(".bursts").getByRole("button", { name: "Length" }).click();
    assert.deepEqual(
      (await body_of(page)).map((row) => row[1]),
      ["6.1 s", "300 ms", "100 ms"],
    );
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Length");
    await page.locator(".bursts").getByRole("button", { name: "Start" }).click();
    const starts = (await body_of(page)).map((row) => row[0]);
    assert.deepEqual(starts, [...starts].sort().reverse());
  });

  test("zooms to a burst, down to single readings", async () => {
    const page = await show(recorded());
    await until(async () => (await body_of(page)).length === 3);
    const start = (await body_of(page))[0][0];
    await page.locator(".bursts tbody button").first().click();
    assert.equal(await span(page), "3.3 s");
    assert.match(
      await text_of(page, "#reading"),
      /busy 100 %, busiest core 100 %, system 30 %, steal 5 %$/,
    );
    await page.locator(".detail").focus();
    await page.keyboard.press(",");
    assert.match(
      await text_of(page, "#reading"),
      new RegExp(`^${start.replace(".", "\\.")}\\s+busy \\d+(\\.5)? %`),
    );
    for (let i = 0; i < 3; ++i) await page.keyboard.press(".");
    assert.match(await text_of(page, "#reading"), /busy 100 %/);
    await page.keyboard.press(".");
    assert.doesNotMatch(await text_of(page, "#reading"), /busy 100 %/);
  });

  test("draws a burst in another colour than calm, as wide as it was long", async () => {
    const page = await show(recorded());
    await until(async () => (await body_of(page)).length === 3);
    await page.locator(".bursts tbody button").first().click();
    const hot = await page.locator(".detail").evaluate((canvas) => {
      const probe = document.createElement("i");
      probe.style.color = "var(--hot)";
      document.body.append(probe);
      const wanted = getComputedStyle(probe).color.match(/\d+/g).map(Number);
      probe.remove();
      const y = Math.round((canvas.height * 70) / 230);
      const { data } = canvas.getContext("2d").getImageData(0, y, canvas.width, 1);
      let count = 0;
      for (let i = 0; i < data.length; i += 4)
        if (wanted.every((value, k) => Math.abs(data[i + k] - value) < 3)) ++count;
      return count / canvas.width;
    });
    assert.ok(hot > 0.08 && hot < 0.1, `0.3 s of 3.3 s, here ${hot} of the width`);
  });

  test("is moved and zoomed by keyboard", async () => {
    const page = await show(recorded());
    await until(async () => (await span(page)) === "10 min");
    await page.locator(".detail").focus();
    await page.keyboard.press("+");
    assert.equal(await span(page), "5 min");
    const from = () => slider(page, "From").getAttribute("aria-valuetext");
    const before = await from();
    await page.keyboard.press("ArrowLeft");
    assert.notEqual(await from(), before);
    assert.equal(await span(page), "5 min");
    await page.keyboard.press("-");
    assert.equal(await span(page), "10 min");
    for (let i = 0; i < 30; ++i) await page.keyboard.press("+");
    assert.equal(await span(page), "1 s");
    await page.keyboard.press("0");
    assert.equal(await span(page), "10 min");
  });

  test("is moved and zoomed by sliders that say their times", async () => {
    const page = await show(recorded());
    await until(async () => (await span(page)) === "10 min");
    await slider(page, "From").fill("3000");
    assert.equal(await span(page), "5 min");
    await slider(page, "To").fill("3100");
    assert.equal(await span(page), "10 s");
    await slider(page, "To").fill("0");
    assert.equal(await span(page), "1 s");
    assert.match(await slider(page, "To").getAttribute("aria-valuetext"), /^\d\d:\d\d:\d\d\.\d$/);
    await slider(page, "Reading").fill("1801");
    assert.match(
      await slider(page, "Reading").getAttribute("aria-valuetext"),
      /^\d\d:\d\d:\d\d\.\d: busy 98\.5 %, busiest core 100 %/,
    );
  });

  test("is zoomed by a drag, in both charts", async () => {
    const page = await show(recorded());
    await until(async () => (await span(page)) === "10 min");
    const drag = async (selector, from, to) => {
      const box = await page.locator(selector).boundingBox();
      await page.mouse.move(box.x + box.width * from, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + (box.width * (from + to)) / 2, box.y + box.height / 2);
      await page.mouse.move(box.x + box.width * to, box.y + box.height / 2);
      await page.mouse.up();
    };
    await drag(".overview", 0.2, 0.3);
    assert.match(await span(page), /^(59|60|61) s|1 min/);
    await drag(".overview", 0.25, 0.75);
    const valuetext = await slider(page, "From").inputValue();
    assert.ok(Number(valuetext) > 4000, `the chosen part has moved to ${valuetext}`);
    await drag(".detail", 0.4, 0.6);
    assert.match(await span(page), /^1[123](\.\d)? s/);
  });

  test("shows a hole as a hole", async () => {
    const page = await show(recorded({ hole: [300_000, 260_000] }));
    await until_text(
      page,
      ".card [role=status]",
      /^5,600\sreadings.*; 1\shole, 40\ss without readings\.$/,
    );
    const [hole, beside] = await page.locator(".detail").evaluate((canvas) => {
      const { data } = canvas
        .getContext("2d")
        .getImageData(0, canvas.height - 115, canvas.width, 1);
      const is_marked = (part) => {
        const first = Math.round(46 + (canvas.width - 54) * part);
        return data.slice(4 * first, 4 * (first + 20)).some((value) => value > 0);
      };
      return [is_marked(0.51), is_marked(0.7)];
    });
    assert.deepEqual([hole, beside], [true, false], "it is hatched, and nothing else is");
  });

  test("ends a burst at a hole", async () => {
    const page = await show(
      recorded({
        bursts: [{ ago_ms: 60_000, length_ms: 20_000, busy: 95 }],
        hole: [52_000, 50_000],
      }),
    );
    await until(async () => (await body_of(page)).length === 2);
    assert.deepEqual((await body_of(page)).map((row) => row[1]).sort(), ["10 s", "8 s"]);
  });

  test("shows what is not known as unknown, not as 0", async () => {
    class WakingMachine extends MockMachine {
      recorded(now, last_ms) {
        const answer = super.recorded(now, last_ms);
        for (const key of ["busy", "busiest_core", "system", "steal"]) answer[key][5999] = null;
        return answer;
      }
    }
    const page = await show(new WakingMachine(8, { endpoint: "rec-1", bursts: [] }));
    await until_text(page, "#reading", "busy –, busiest core –, system –, steal –");
    assert.match(await text_of(page, ".recorder"), /The highest is \d+(\.5)? %/);
  });

  test("says what the highest reading was when there is no burst", async () => {
    const page = await show(recorded({ bursts: [{ ago_ms: 50_000, length_ms: 500, busy: 89.5 }] }));
    await until_text(
      page,
      ".recorder",
      /No reading reached 90 %. The highest is 89\.5 %, at \d\d:\d\d:\d\d\.\d/,
    );
    await page.locator(".recorder button.link").click();
    assert.match(await text_of(page, "#reading"), /busy 89\.5 %/);
  });

  test("takes a recording that has just begun", async () => {
    class NewMachine extends MockMachine {
      recorded(now) {
        return super.recorded(now, this.for_ms);
      }
    }
    const machine = new NewMachine(8, { endpoint: "rec-1", for_ms: 0 });
    const page = await show(machine);
    await until_text(page, ".card [role=status]", "Its agent has recorded nothing yet.");
    machine.for_ms = 300;
    await page.getByRole("button", { name: "Load again" }).click();
    await until_text(page, ".card [role=status]", /^3\sreadings/);
    assert.equal(await span(page), "0.3 s");
  });

  for (const [status, error, words] of [
    [404, "No agent of this name is known here.", "No agent of this name is known here."],
    [
      429,
      "As many recordings are asked for as may be at once.",
      "As many recordings are asked for",
    ],
    [503, "This agent is not connected.", "This agent is not connected."],
    [504, "This agent did not answer in time.", "This agent did not answer in time."],
    [502, undefined, "The exporter answers with error 502."],
  ]) {
    test(`says in words why there is none: ${status}`, async () => {
      const machine = recorded();
      mock = await new MockExporter([machine]).listen();
      mock.failure = { path: "/agents/rec-1/recording", status, error };
      const page = await open(`${mock.url}#/rec-1/recorder`, { failing: true });
      await until_text(page, ".card [role=status]", words);
      mock.failure = undefined;
      await page.getByRole("button", { name: "Load again" }).click();
      await until(async () => (await body_of(page)).length === 3);
    });
  }

  test("is read while the machine goes on", async () => {
    const machine = recorded();
    const page = await show(machine);
    await until(async () => (await body_of(page)).length === 3);
    await page.locator(".bursts tbody button").first().click();
    machine.fixed_percent = 55;
    await until_text(page, ".tile dd", "55.0");
    assert.equal(await span(page), "3.3 s");
  });

  test("fits on a phone", async () => {
    const page = await show(recorded(), "#/rec-1/recorder", { viewport: PHONE });
    await until(async () => (await body_of(page)).length === 3);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  });
});
