// What the page says and does when the exporter does not answer.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { MockExporter, MockMachine } from "./mock_exporter.js";
import { open, text_of, until, until_text, with_browser } from "./support.js";

describe("without an answer", () => {
  with_browser();
  let mock;
  const show = async (path = "") => {
    mock = await new MockExporter([
      new MockMachine(1, { endpoint: "web-1", fixed_percent: 33 }),
    ]).listen();
    const page = await open(mock.url + path, { failing: true });
    await until_text(page, "#pulse", "live");
    return page;
  };
  afterEach(() => mock.close());

  test("the page says so, greys what it shows and tells how old that is, until the exporter is back", async () => {
    const page = await show();
    const { port } = mock;
    await mock.close();
    await until_text(page, "#trouble", "The exporter cannot be reached.");
    await until_text(page, "#trouble-age", /What you see is [2-9](\.\d)?\ss old\./);
    assert.equal(await text_of(page, "#pulse"), "no answer");
    assert.equal(
      await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter),
      "grayscale(1)",
    );
    assert.match(await text_of(page, "#rows .number"), /33\.0/);
    await until_text(page, "#rows .seen", /[3-9]\ss ago/);
    await mock.listen(port);
    await page.locator("#retry").evaluate((button) => button.click()); // by hand it may be too late: it tries by itself
    await until_text(page, "#pulse", "live");
    assert.ok(await page.locator("#trouble").isHidden());
    assert.equal(
      await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter),
      "none",
    );
  });

  test("the page asks less and less often", async () => {
    const page = await show();
    mock.failure = { path: "/api", status: 503 };
    await until_text(page, "#trouble", "The exporter is not ready.");
    const before = mock.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 7000));
    const asked = mock.requests.length - before;
    assert.ok(asked >= 1 && asked <= 3, `${asked} questions in 7 s`);
    await until_text(page, "#trouble-age", /Next try in \d+ s\./);
  });

  for (const [status, error, words] of [
    [400, "sort is busy, peak, name or last_seen", "sort is busy, peak, name or last_seen"],
    [401, undefined, "The exporter asks for a user and a password: load this page again."],
    [500, "The page could not be made.", "The page could not be made."],
    [502, undefined, "The exporter answers with error 502."],
  ]) {
    test(`the page says what the exporter says: ${status}`, async () => {
      const page = await show();
      mock.failure = { path: "/api", status, error };
      await until_text(page, "#trouble-what", words);
    });
  }

  test("an answer of something else is not taken for one of the exporter", async () => {
    const page = await show();
    mock.failure = { path: "/api", status: 200 };
    await until_text(
      page,
      "#trouble-what",
      "The exporter's answer is cut off, or comes from something else.",
    );
  });

  test("a machine's page says it too", async () => {
    const page = await show("#/web-1");
    await until_text(page, ".tile dd", "33.0");
    await mock.close();
    await until_text(page, "#trouble", "The exporter cannot be reached.");
    await until_text(page, ".heading", /last seen [3-9]\ss ago/);
    assert.match(await text_of(page, ".tile dd"), /33\.0/);
    await mock.listen(mock.port);
    await until_text(page, "#pulse", "live");
  });

  test("a page that never got an answer does not tell how old it is", async () => {
    mock = await new MockExporter([]).listen();
    mock.failure = { path: "/api", status: 503 };
    const page = await open(mock.url, { failing: true });
    await until_text(page, "#trouble", "The exporter is not ready.");
    assert.doesNotMatch(await text_of(page, "#trouble-age"), /What you see/);
    mock.failure = undefined;
    await until_text(page, "#nothing", "No machine has come yet");
  });
});
