// The list of machines, against an exporter that is invented.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { MockExporter, MockMachine, invented_fleet } from "./mock_exporter.js";
import {
  PHONE,
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

const machine = (number, fields) => new MockMachine(number, fields);
const calm_fleet = (...percents) =>
  percents.map((percent, i) =>
    machine(i, { endpoint: `m-${i + 1}`, fixed_percent: percent, cpus: 2, burst_rate: 0 }),
  );

describe("the list", () => {
  with_browser();
  let mock;
  const serve = async (machines) => (mock = await new MockExporter(machines).listen());
  const show = async (machines, path = "", more = {}) => {
    await serve(machines);
    const page = await open(mock.url + path, more);
    return page;
  };
  afterEach(() => mock.close());

  test("shows each machine, the busiest first", async () => {
    const page = await show(calm_fleet(12.5, 99, 50));
    await until(async () => (await rows_of(page).count()) === 3);
    assert.deepEqual(await names_of(page), ["m-2", "m-3", "m-1"]);
    assert.equal(await cell_of(page, "m-1", "busy"), "12.5\u00a0%");
    assert.equal(await cell_of(page, "m-1", "state"), "alive");
    assert.match(await cell_of(page, "m-1", "seen"), /now|s ago/);
    assert.equal(await cell_of(page, "m-1", "load"), "0.25");
    assert.match(await cell_of(page, "m-1", "agent"), /0\.\d\.\d/);
  });

  test("follows a value that changes", async () => {
    const machines = calm_fleet(10);
    const page = await show(machines);
    await until_text(page, "#rows .number", "10.0");
    machines[0].fixed_percent = 77.7;
    await until_text(page, "#rows .number", "77.7", 3000);
  });

  test("says how many are alive, silent and gone, and how many of these never came", async () => {
    const page = await show([
      ...calm_fleet(1, 2),
      machine(5, { endpoint: "hush", state: "silent", silent_for_ms: 11_000 }),
      machine(6, { endpoint: "lost", state: "gone", silent_for_ms: 90_000 }),
      machine(7, { endpoint: "late", state: "gone", expected: true, has_come: false }),
    ]);
    await until_text(page, "[data-count=all]", "5");
    assert.match(await text_of(page, "[data-count=alive]"), /Alive\s+2/);
    assert.match(await text_of(page, "[data-count=silent]"), /Silent\s+1/);
    assert.match(await text_of(page, "[data-count=gone]"), /Gone\s+2\s+1 never came/);
    assert.equal(await page.title(), "2 gone, 1 silent · cpu-monitor");
    assert.equal(await cell_of(page, "lost", "state"), "gone");
    assert.equal(await cell_of(page, "late", "state"), "never came");
    assert.equal(await cell_of(page, "late", "seen"), "never");
  });

  test("shows a dash for what is not known, never 0", async () => {
    const page = await show([
      machine(1, { endpoint: "bare", load: false }),
      machine(2, { endpoint: "lost", state: "gone", silent_for_ms: 60_000 }),
    ]);
    await until(async () => (await rows_of(page).count()) === 2);
    assert.equal(await cell_of(page, "bare", "load"), "–");
    assert.equal(await cell_of(page, "bare", "cpus"), "–");
    assert.equal(await cell_of(page, "lost", "busy"), "–");
    assert.equal(await cell_of(page, "lost", "peak"), "–");
  });

  test("tells states apart by shape, not by colour alone", async () => {
    const page = await show(invented_fleet(40), "#/?sort=name");
    const look = (kind) =>
      page
        .locator(`#rows .shape.${kind}`)
        .first()
        .evaluate((shape) => {
          const style = getComputedStyle(shape);
          return `${style.borderRadius} ${style.clipPath} ${style.borderStyle}`;
        });
    await until(async () => (await rows_of(page).count()) === 40);
    const looks = await Promise.all(["alive", "silent", "gone", "never-came"].map(look));
    assert.equal(new Set(looks).size, 4, looks.join("; "));
  });

  test("is sorted by what its headings say", async () => {
    const machines = calm_fleet(10, 90, 50);
    machines[1].silent_for_ms = 5000;
    const page = await show(machines);
    await until(async () => (await names_of(page))[0] === "m-2");
    const sort = (key) => page.locator(`th[data-sort=${key}] button`).click();
    await sort("name");
    await until(async () => (await names_of(page)).join() === "m-1,m-2,m-3");
    assert.equal(await page.locator("th[data-sort=name]").getAttribute("aria-sort"), "ascending");
    assert.equal(await page.locator("th[data-sort=busy]").getAttribute("aria-sort"), null);
    await sort("last_seen");
    await until(async () => (await names_of(page))[0] === "m-2");
    await sort("peak");
    await until(async () => (await names_of(page)).join() === "m-2,m-3,m-1");
    assert.match(page.url(), /#\/\?sort=peak$/);
  });

  test("is searched as one types, and says what it found", async () => {
    const page = await show(invented_fleet(120));
    await page.keyboard.press("/");
    await page.keyboard.type("web-1");
    await until_text(page, "#found", /^\d+ machines match$/);
    assert.ok((await names_of(page)).every((name) => name.startsWith("web-1")));
    await page.locator("#search").fill("nobody is called that");
    await until_text(page, "#nothing", "No machine has “nobody is called that” in its name.");
    await page.getByRole("button", { name: "Show all machines" }).click();
    await until(async () => (await rows_of(page).count()) === 50);
    assert.equal(await page.locator("#search").inputValue(), "");
  });

  test("is searched from the page of a machine too", async () => {
    const page = await show(invented_fleet(12), "#/web-1");
    await until_text(page, "#machine h1", "web-1");
    await page.keyboard.press("/");
    await until(async () => (await focused(page)) === "search");
    await page.keyboard.type("db");
    await until(
      async () =>
        (await names_of(page)).join() === "db-1,db-2" ||
        (await names_of(page)).join() === "db-2,db-1",
    );
  });

  test("keeps its choice in the address", async () => {
    const page = await show(invented_fleet(120), "#/?state=gone&sort=name");
    await until(async () => (await rows_of(page).count()) === 3);
    assert.equal(await page.locator("[data-count=gone]").getAttribute("aria-current"), "page");
    await page.reload();
    await until(async () => (await rows_of(page).count()) === 3);
    await page.locator("[data-count=silent]").click();
    await until(async () => (await rows_of(page).count()) === 1);
    await page.goBack();
    await until(async () => (await rows_of(page).count()) === 3);
  });

  test("takes a nonsensical address for the whole list", async () => {
    const page = await show(calm_fleet(1, 2), "#/?state=dead&sort=colour&page=-7&search=");
    await until(async () => (await rows_of(page).count()) === 2);
  });

  test("pages through 10,000 machines and asks for 50 at a time", async () => {
    const page = await show(invented_fleet(10_000), "#/?sort=name");
    await until_text(page, "#range", "1–50 of 10,000");
    assert.equal(await rows_of(page).count(), 50);
    await page.getByRole("button", { name: "Next" }).click();
    await until_text(page, "#range", "51–100 of 10,000");
    await page.getByRole("button", { name: "Last", exact: true }).click();
    await until_text(page, "#range", "9,951–10,000 of 10,000");
    assert.ok(await page.locator("#next").isDisabled());
    await page.getByRole("button", { name: "First" }).click();
    await until_text(page, "#range", "1–50 of 10,000");
    await page.locator("#rows a").first().focus();
    await page.keyboard.press("PageDown");
    await until_text(page, "#range", "51–100");
    await until(
      async () => (await focused(page)) === (await names_of(page))[0],
      "the focus stays in the list",
    );
    assert.ok(
      mock.requests
        .filter((path) => path.startsWith("/api/v1/agents?"))
        .every((path) => path.includes("limit=50")),
    );
  });

  test("goes to the last page when the page of its address is gone", async () => {
    const page = await show(invented_fleet(60), "#/?sort=name&page=9");
    await until_text(page, "#range", "51–60 of 60");
  });

  test("asks for the whole history once, then for what is new", async () => {
    const page = await show(calm_fleet(10, 20));
    const asked = () =>
      mock.requests
        .filter((path) => path.startsWith("/api/v1/agents?"))
        .map((path) => /history=(\d+)/.exec(path)[1]);
    await until(() => asked().length >= 4);
    assert.deepEqual(asked().slice(0, 4), ["150", "2", "2", "2"]);
    const drawn = await page
      .locator("#rows canvas")
      .first()
      .evaluate((canvas) =>
        canvas
          .getContext("2d")
          .getImageData(0, 0, canvas.width, canvas.height)
          .data.some((value) => value > 0),
      );
    assert.ok(drawn, "the sparkline is drawn");
    assert.match(
      await page.locator("#rows .spark .unseen").first().textContent(),
      /average \d+ %, highest \d+ %/,
    );
  });

  test("asks one question at a time, however slow the answers", async () => {
    await serve(calm_fleet(10));
    mock.delay_ms = 1300;
    await open(mock.url);
    await until(() => mock.requests.filter((path) => path.startsWith("/api")).length >= 4);
    assert.equal(mock.most_under_way, 1);
  });

  test("asks nothing while its tab is hidden, and at once when it is seen again", async () => {
    const page = await show(calm_fleet(10));
    await until_text(page, "#pulse", "live");
    const hide = (is_hidden) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, is_hidden);
    await hide(true);
    await until_text(page, "#pulse", "paused");
    const before = mock.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(mock.requests.length, before);
    await hide(false);
    await until_text(page, "#pulse", "live");
    assert.ok(mock.requests.length > before);
  });

  test("keeps rows in their places under the pointer, and sorts them when it has left", async () => {
    const machines = calm_fleet(90, 50, 10);
    const page = await show(machines);
    await until(async () => (await names_of(page)).join() === "m-1,m-2,m-3");
    await page.locator("#rows tr").nth(1).hover();
    machines[2].fixed_percent = 99;
    const moving = setInterval(
      () => page.mouse.move(300 + Math.random() * 20, 170).catch(() => {}),
      500,
    );
    await until(async () => (await cell_of(page, "m-3", "busy")).startsWith("99.0"));
    await new Promise((resolve) => setTimeout(resolve, 5500));
    assert.deepEqual(await names_of(page), ["m-1", "m-2", "m-3"]);
    assert.ok(await page.locator("#held").isVisible());
    clearInterval(moving);
    await page.mouse.move(300, 20);
    await until(async () => (await names_of(page)).join() === "m-3,m-1,m-2");
  });

  test("shows a machine that comes, and keeps the others where they are", async () => {
    const machines = calm_fleet(10, 20);
    const page = await show(machines, "#/?sort=name");
    await until(async () => (await rows_of(page).count()) === 2);
    machines.push(machine(9, { endpoint: "a-new-one", fixed_percent: 5 }));
    await until(
      async () => (await names_of(page)).join() === "a-new-one,m-1,m-2",
      "it is there",
      3000,
    );
  });

  test("is walked through by keyboard: search, rows, a machine and back", async () => {
    const page = await show(calm_fleet(90, 50, 10));
    await until(async () => (await rows_of(page).count()) === 3);
    for (let i = 0; i < 20 && (await focused(page)) !== "search"; ++i)
      await page.keyboard.press("Tab");
    assert.equal(await focused(page), "search");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(page), "m-1");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    assert.equal(await focused(page), "m-3");
    await page.keyboard.press("ArrowUp");
    assert.equal(await focused(page), "m-2");
    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement).outlineStyle,
    );
    assert.equal(outline, "solid");
    await page.keyboard.press("Enter");
    await until_text(page, "#machine h1", "m-2");
    assert.equal(await focused(page), "machine-title");
    await page.keyboard.press("Escape");
    await until(async () => (await focused(page)) === "m-2", "the focus is back on its row");
  });

  test("is one stop of the Tab key, however many rows it has", async () => {
    const page = await show(invented_fleet(50));
    await until(async () => (await rows_of(page).count()) === 50);
    assert.equal(await page.locator("#rows a[tabindex='0']").count(), 1);
  });

  test("opens a machine wherever its row is clicked, and goes back by the browser's button", async () => {
    const page = await show(calm_fleet(90, 50));
    await page.locator("#rows tr").nth(1).locator(".load").click();
    await until_text(page, "#machine h1", "m-2");
    assert.match(page.url(), /#\/m-2$/);
    await page.goBack();
    await until(
      async () => (await rows_of(page).count()) === 2 && page.locator("#fleet").isVisible(),
    );
  });

  test("shows names as they are, whatever they hold", async () => {
    const name = "<img src=x onerror=window.hit=1>&quot;'\"</script>";
    const page = await show([machine(1, { endpoint: name })], "", { failing: false });
    await until(async () => (await names_of(page))[0] === name);
    await page.locator("#rows a").first().click();
    await until_text(page, "#machine h1", name);
    assert.equal(await page.evaluate(() => window.hit), undefined);
    assert.equal(await page.locator("main img").count(), 0);
  });

  test("tells what to do when no machine has come yet", async () => {
    const page = await show([]);
    await until_text(page, "#nothing", "No machine has come yet");
    assert.match(await text_of(page, "#nothing"), /cpu-monitor-agent --exporter/);
  });

  test("fits on a phone", async () => {
    const page = await show(invented_fleet(60), "", { viewport: PHONE });
    await until(async () => (await rows_of(page).count()) === 50);
    assert.ok(
      await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
      "nothing to scroll sideways",
    );
    await page.locator("#sort").selectOption("name");
    await until(async () => (await names_of(page))[0] === "build-1");
  });

  test("is dark where the system is, or where its reader wants it, and remembers that", async () => {
    const page = await show(calm_fleet(1), "", { scheme: "dark" });
    const shade = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await shade();
    const theme = page.locator("#theme");
    await until_text(page, "#theme", "auto");
    await theme.click();
    await theme.click();
    assert.equal(await theme.innerText(), "Theme: light");
    const light = await shade();
    assert.notEqual(light, dark);
    await page.reload();
    assert.equal(await shade(), light);
    assert.equal(await page.locator("#theme").innerText(), "Theme: light");
    await page.locator("#theme").click();
    assert.equal(await shade(), dark);
  });
});
