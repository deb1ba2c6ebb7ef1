// axe-core finds nothing wrong with any view, in light and dark, on a desk and on a phone.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { MockExporter, MockMachine, invented_fleet } from "./mock_exporter.js";
import { DESKTOP, PHONE, open, until, until_text, with_browser } from "./support.js";

const axe = createRequire(import.meta.url)("axe-core");

/** "rule: selector" of all that is wrong. */
async function faults_of(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact}, ${id}: ${target} ${failureSummary}`),
  );
}

const VIEWS = {
  list: [
    "#/?sort=name",
    (page) => until(async () => (await page.locator("#rows tr").count()) === 50),
  ],
  "list of the gone": [
    "#/?state=gone",
    (page) => until(async () => (await page.locator("#rows tr").count()) === 3),
  ],
  "list with nothing in it": [
    "#/?search=nobody",
    (page) => until_text(page, "#nothing", "No machine has"),
  ],
  machine: ["#/rec-1", (page) => until(() => page.locator(".legend").isVisible())],
  "machine of 1,024 cores": [
    "#/big-1",
    (page) => until(() => page.locator(".core-grid").isVisible()),
  ],
  "machine nobody knows": ["#/nobody", (page) => until_text(page, "#machine", "knows no machine")],
  recorder: ["#/rec-1/recorder", (page) => until(() => page.locator(".bursts").isVisible())],
};

describe("axe-core", () => {
  with_browser();
  let mock;
  before(async () => {
    mock = await new MockExporter([
      ...invented_fleet(60),
      new MockMachine(900, { endpoint: "big-1", cpus: 1024 }),
      new MockMachine(901, {
        endpoint: "rec-1",
        bursts: [{ ago_ms: 9000, length_ms: 300, busy: 100 }],
        hole: [300_000, 260_000],
      }),
    ]).listen();
  });
  after(() => mock.close());

  for (const scheme of ["light", "dark"]) {
    for (const [width, viewport] of [
      ["desk", DESKTOP],
      ["phone", PHONE],
    ]) {
      for (const [view, [path, is_there]] of Object.entries(VIEWS)) {
        test(`is content with the ${view}, ${scheme}, ${width}`, async () => {
          const page = await open(mock.url + path, { viewport, scheme, failing: true });
          await until_text(page, "#pulse", "live");
          await is_there(page);
          assert.deepEqual(await faults_of(page), []);
        });
      }
    }
    test(`is content with an exporter that does not answer, ${scheme}`, async () => {
      const page = await open(mock.url, { scheme, failing: true });
      await until_text(page, "#pulse", "live");
      mock.failure = { path: "/api", status: 503 };
      await until(() => page.locator("#trouble").isVisible());
      mock.failure = undefined;
      assert.deepEqual(await faults_of(page), []);
    });
  }
});
