"""Draws docs/images/bursts.png from what a long run of tests/e2e/test_bursts.py recorded.

  CPU_MONITOR_E2E_ROUNDS=40 CPU_MONITOR_E2E_SCRAPE_S=15 CPU_MONITOR_E2E_RECORD=run.json \
      ctest --preset ci -R e2e.bursts
  python3 docs/images/plot_bursts.py run.json docs/images/bursts.png [FROM_SECOND]

Needs the Debian package python3-matplotlib.
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plot


def main(record, picture, from_second="0"):
    with open(record, encoding="utf-8") as file:
        run = json.load(file)
    start = run["utilization_peak_ratio"][0][0] + float(from_second)
    figure, axes = plot.subplots(figsize=(10, 3.6), dpi=110)

    for number, burst in enumerate(run["bursts"] + run["disturbed_bursts"]):
        axes.axvline(burst["start"] - start, color="#d9d9d9", linewidth=1.2, zorder=0,
                     label=None if number else "a burst of 300 ms on all CPUs")
    times, peaks = zip(*run["utilization_peak_ratio"])
    axes.step([time - start for time in times], [100 * peak for peak in peaks], where="post",
              color="#c0392b", label="cpu_monitor_host_utilization_peak_ratio")
    rates = run["node_exporter_rate"]
    axes.step([rate["end"] - start for rate in rates], [100 * rate["busy"] for rate in rates],
              where="pre", color="#2c5d8f", label="node_exporter: rate(node_cpu_seconds_total)")

    axes.set_xlim(0, times[-1] - start)
    axes.set_ylim(0, 105)
    axes.set_xlabel(f"seconds, one scrape each {run['scrape_interval_s']:g} s")
    axes.set_ylabel("busy, percent")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="center right", framealpha=1)
    figure.tight_layout()
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
