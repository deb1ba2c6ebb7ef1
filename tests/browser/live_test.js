// The page as a user has it: the real exporter serves it, real agents report to it.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import os from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Agent, Exporter, ScriptedProc } from "./programs.js";
import {
  cell_of,
  focused,
  names_of,
  open,
  rows_of,
  text_of,
  until,
  until_text,
  with_browser,
} from "./support.js";

const axe = createRequire(import.meta.url)("axe-core");

/** For a person to look at, where CPU_MONITOR_PICTURES names a folder. */
async function keep_picture(page) {
  const folder = process.env.CPU_MONITOR_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, "burst.png") });
}

describe("the real page", () => {
  with_browser();
  let exporter;
  const agents = [];
  const start_agent = (endpoint, ...flags) => {
    const agent = new Agent(exporter, endpoint, ...flags);
    agents.push(agent);
    return agent;
  };
  before(async () => {
    exporter = await Exporter.start();
    start_agent("here-1", "--label", "site=desk");
  });
  after(async () => {
    for (const agent of agents) await agent.kill();
    await exporter.kill();
  });

  test("comes whole, under a policy that lets nothing else in", async () => {
    const page = await open(exporter.url);
    await until_text(page, "#pulse", "live");
    const { headers } = await page.evaluate(async () => ({
      headers: Object.fromEntries((await fetch("/")).headers),
    }));
    assert.match(headers["content-security-policy"], /default-src 'none'; script-src 'self'/);
    assert.match(await text_of(page, "#version"), /^exporter \d+\.\d+\.\d+.*, up /);
  });

  test("shows how a machine's value changes", async () => {
    const proc = new ScriptedProc(0.25);
    const agent = start_agent("made-1", "--path.procfs", proc.folder);
    try {
      const page = await open(`${exporter.url}#/?search=made`);
      await until(async () => (await cell_of(page, "made-1", "busy")) === "25.0\u00a0%");
      proc.busy = 0.8;
      await until(
        async () => (await cell_of(page, "made-1", "busy")) === "80.0\u00a0%",
        "it is 80 %",
        5000,
      );
      await until(async () => (await cell_of(page, "made-1", "peak")) === "80.0\u00a0%");
      assert.match(await cell_of(page, "made-1", "seen"), /now|^[1-3]\ss ago$/);
      assert.equal(await cell_of(page, "made-1", "cpus"), "2");
      await until(
        async () => /highest 90 %/.test(await page.locator("#rows .spark .unseen").textContent()),
        "its history knows the peak",
      );
    } finally {
      agent.process.kill("SIGTERM");
      await agent.ended;
      proc.remove();
    }
  });

  test("shows all of a machine", async () => {
    const page = await open(`${exporter.url}#/here-1`);
    await until(() => page.locator(".legend").isVisible());
    await until(async () => {
      const shares = (await page.locator(".legend dd").allInnerTexts()).map(parseFloat);
      const sum = shares.reduce((total, share) => total + share, 0);
      return shares.length === 8 && Math.abs(sum - 100) < 0.5;
    }, "the shares of the modes are 100 % together");
    assert.equal(await page.locator(".cores li").count(), os.cpus().length);
    const facts = Object.fromEntries(
      await page
        .locator(".facts:visible dl div")
        .evaluateAll((rows) =>
          rows.map((row) => [row.children[0].textContent, row.children[1].textContent]),
        ),
    );
    assert.equal(facts["System"], `Linux ${os.release()}`);
    assert.equal(facts["site"], "desk");
    assert.match(facts["Its memory"], /MiB$/);
    assert.ok(!("Core throttled" in facts), "what is not collected is absent");
    await until_text(page, "canvas.chart + .readout", /On average \d+ % busy/);
  });

  test("is searched, darkened and walked through by keyboard", async () => {
    const page = await open(exporter.url, { scheme: "dark" });
    await until(async () => (await rows_of(page).count()) >= 1);
    await page.keyboard.press("/");
    await page.keyboard.type("HERE");
    await until_text(page, "#found", "1 machine matches");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(page), "here-1");
    await page.keyboard.press("Enter");
    await until_text(page, "#machine h1", "here-1");
    await page.keyboard.press("Escape");
    await until(async () => (await focused(page)) === "here-1");
    assert.equal(
      await page.evaluate(() => getComputedStyle(document.body).colorScheme),
      "light dark",
    );
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      window.axe.run(document, { resultTypes: ["violations"] }),
    );
    assert.deepEqual(
      violations.map(({ id }) => id),
      [],
    );
  });

  test("shows a second machine come, fall silent and be gone, and keeps it", async () => {
    const page = await open(`${exporter.url}#/?sort=name`);
    await until(async () => (await names_of(page)).includes("here-1"));
    const second = start_agent("here-2");
    await until(async () => (await names_of(page)).includes("here-2"), "it has come", 5000);
    await until(async () => (await cell_of(page, "here-2", "state")) === "alive");
    await second.kill();
    const seen = [];
    await until(
      async () => {
        const state = await cell_of(page, "here-2", "state");
        if (seen.at(-1) !== state) seen.push(state);
        return state === "gone";
      },
      "it is gone",
      40_000,
    );
    assert.equal(seen[0], "alive");
    assert.match(await text_of(page, "[data-count=gone]"), /Gone\s+[1-9]/);
    assert.match(await cell_of(page, "here-2", "seen"), /^\d+\ss ago$/);
    assert.equal(await cell_of(page, "here-1", "state"), "alive");
    await page.locator("[data-count=gone]").click();
    await until(
      async () =>
        (await names_of(page)).includes("here-2") && !(await names_of(page)).includes("here-1"),
    );
  });

  test("says that the exporter is away, and goes on when it is back", async () => {
    const page = await open(exporter.url, { failing: true });
    await until_text(page, "#pulse", "live");
    const { ingest_port, web_port } = exporter;
    await exporter.kill();
    await until_text(page, "#trouble", "The exporter cannot be reached.");
    exporter = await Exporter.start({ ingest_port, web_port });
    await until_text(page, "#pulse", "live", 20_000);
    // The agent comes back when it likes, within 30 s.
    await until(
      async () => (await cell_of(page, "here-1", "state")) === "alive",
      "the agent is back",
      40_000,
    );
  });

  test("finds a burst of 300 ms that happened while the exporter was away", async () => {
    const proc = new ScriptedProc(0.1);
    const agent = start_agent("made-2", "--path.procfs", proc.folder);
    try {
      const page = await open(`${exporter.url}#/made-2`, { failing: true });
      await until_text(page, ".heading", "alive");
      const { ingest_port, web_port } = exporter;
      await exporter.kill();
      await until_text(page, "#pulse", "no answer");
      proc.busy = 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      proc.busy = 0.1;
      exporter = await Exporter.start({ ingest_port, web_port });
      await until_text(page, "#pulse", "live", 20_000);
      await until_text(page, ".heading", "alive", 40_000);
      await page.getByRole("button", { name: "Show the last 10 minutes" }).click();
      await until_text(page, ".recorder", /1\sburst at 90 % or more/);
      const [burst] = (await page.locator(".bursts tbody tr").allInnerTexts()).map((row) =>
        row.replaceAll("\u00a0", " ").split("\t"),
      );
      const length_ms = Number(/^(\d+) ms$/.exec(burst[1])[1]);
      // The first and the last of its readings may hold calm too.
      assert.ok(length_ms >= 100 && length_ms <= 500, `it was 300 ms long, here ${length_ms}`);
      assert.equal(burst[2], "100.0 %");
      await page.locator(".bursts tbody button").first().click();
      await until_text(page, "#reading", /busy (9\d(\.5)?|100) %, busiest core (9\d(\.5)?|100) %/);
      await keep_picture(page);
    } finally {
      agent.process.kill("SIGTERM");
      await agent.ended;
      proc.remove();
    }
  });
});
