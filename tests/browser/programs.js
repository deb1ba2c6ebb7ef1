// The exporter and agents as processes, on free ports of 127.0.0.1.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./support.js";

const { CPU_MONITOR_EXPORTER, CPU_MONITOR_AGENT } = process.env;

class Program {
  constructor(path, flags) {
    assert.ok(
      path,
      "the environment has to name the programs: CPU_MONITOR_EXPORTER, CPU_MONITOR_AGENT",
    );
    this.said = "";
    this.process = spawn(path, flags, { stdio: ["ignore", "ignore", "pipe"] });
    this.process.stderr.on("data", (text) => (this.said += text));
    this.ended = once(this.process, "exit");
  }

  /** Ends it as a crash would, unless it has ended. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
  }
}

export class Exporter extends Program {
  static async start({ ingest_port = 0, web_port = 0 } = {}, ...flags) {
    const exporter = new Exporter(CPU_MONITOR_EXPORTER, [
      "--ingest.listen-address",
      `127.0.0.1:${ingest_port}`,
      "--web.listen-address",
      `127.0.0.1:${web_port}`,
      ...flags,
    ]);
    exporter.ingest_port = await exporter.#port("ingest");
    exporter.web_port = await exporter.#port("web");
    exporter.url = `http://127.0.0.1:${exporter.web_port}/`;
    return exporter;
  }

  #port(component) {
    const line = new RegExp(`msg="?listening"? component=${component} address=\\S*:(\\d+)\\n`);
    return until(() => Number(line.exec(this.said)?.[1]), `the exporter listens for ${component}`);
  }
}

export class Agent extends Program {
  constructor(exporter, endpoint, ...flags) {
    super(CPU_MONITOR_AGENT, [
      "--exporter",
      `127.0.0.1:${exporter.ingest_port}`,
      "--endpoint",
      endpoint,
      "--no-print",
      ...flags,
    ]);
  }
}

/** A /proc of two CPUs, whose busy share is `busy`, 0..1, whatever the machine beneath does. */
export class ScriptedProc {
  constructor(busy) {
    this.busy = busy;
    this.folder = mkdtempSync(join(tmpdir(), "cpu-monitor-proc-"));
    this.file = openSync(join(this.folder, "stat"), "w");
    this.user = this.idle = 1_000_000; // as many digits to the end: each text takes the place of the one before
    this.#write();
    this.timer = setInterval(() => this.#write(), 20);
  }

  remove() {
    clearInterval(this.timer);
    closeSync(this.file);
    rmSync(this.folder, { recursive: true });
  }

  #write() {
    this.user += 100 * this.busy;
    this.idle += 100 * (1 - this.busy);
    const line = (name, many) =>
      `${name} ${this.user * many} 0 0 ${this.idle * many} 0 0 0 0 0 0\n`;
    writeSync(
      this.file,
      `${line("cpu ", 2)}${line("cpu0", 1)}${line("cpu1", 1)}ctxt 1\nbtime 1700000000\n`,
      0,
    );
  }
}
