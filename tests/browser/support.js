// A headless browser for the tests, and what each of them holds to: nothing in the console, nothing from outside.

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CPU_MONITOR_CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE_MS = 15_000;

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740 };

let browser;
const opened = [];

/** To be called once in each file.  Pages opened with `open` are closed, and looked at, after each test. */
export function with_browser() {
  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM });
  });
  after(() => browser.close());
  afterEach(async () => {
    const pages = opened.splice(0);
    for (const page of pages) await page.context().close();
    for (const page of pages)
      assert.deepEqual(page.faults, [], "what the browser complained about");
  });
}

/**
 * Opens `url`.  `page.faults` collects errors and warnings of the console, exceptions, and requests to anybody else; a
 * test that provokes errors says so with `failing`: then what the console says of answers that failed is no fault.
 */
export async function open(
  url,
  { viewport = DESKTOP, scheme = "light", failing = false, script, ...more } = {},
) {
  const context = await browser.newContext({
    viewport,
    colorScheme: scheme,
    reducedMotion: "reduce",
    ...more,
  });
  const page = await context.newPage();
  opened.push(page);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    const is_expected = failing && message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !is_expected)
      page.faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { origin } = new URL(request.url());
    if (origin !== new URL(url).origin) page.faults.push(`request to ${origin}`);
  });
  if (script) await page.addInitScript(script);
  await page.goto(url);
  return page;
}

/** Waits for `claim()` to become true, or not to throw.  page.waitForFunction needs eval, which the page's policy forbids. */
export async function until(claim, words = String(claim), patience_ms = PATIENCE_MS) {
  const deadline = performance.now() + patience_ms;
  let seen;
  for (;;) {
    try {
      seen = await claim();
      if (seen) return seen;
    } catch (failure) {
      seen = failure;
    }
    if (performance.now() > deadline)
      assert.fail(`not within ${patience_ms} ms: ${words}; last seen: ${seen}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const text_of = (page, selector) => page.locator(selector).first().innerText();

/** Waits until the text at `selector` holds `words`, a string or a pattern. */
export async function until_text(page, selector, words, patience_ms = PATIENCE_MS) {
  let seen;
  await until(
    async () => {
      seen = await text_of(page, selector);
      return words instanceof RegExp ? words.test(seen) : seen.includes(words);
    },
    `${selector} holds ${words}`,
    patience_ms,
  ).catch((failure) => assert.fail(`${failure.message}; it holds ${JSON.stringify(seen)}`));
  return seen;
}

export const rows_of = (page) => page.locator("#rows tr");

/** The names in the list, from the top. */
export const names_of = (page) => page.locator("#rows th a").allInnerTexts();

/** The text of a machine's cell, by the cell's class. */
export const cell_of = (page, name, kind) =>
  page
    .locator("#rows tr")
    .filter({ has: page.locator("th", { hasText: new RegExp(`^${name}$`) }) })
    .locator(`.${kind}`)
    .innerText();

export const focused = (page) =>
  page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
