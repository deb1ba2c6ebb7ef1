// Readings of a recording: runs near the top, holes, and what a stretch of them looks like in a column of pixels.

/** From here on a reading belongs to a burst, in percent; the exporter's own bound for them. */
export const BURST = 90;

/** Whether readings are missing in front of the reading at `i`: the agent stood still, or its machine did. */
export const follows_hole = (recording, i) =>
  i > 0 && recording.time_ms[i] - recording.time_ms[i - 1] > 2 * recording.interval_ms;

/** Contiguous runs of BURST or more, oldest first.  A hole ends a run, and so does a share that is not known. */
export function bursts_of(recording) {
  const found = [];
  let run;
  recording.busy.forEach((busy, i) => {
    if (follows_hole(recording, i)) run = undefined;
    if (busy === null || busy < BURST) {
      run = undefined;
      return;
    }
    if (!run) found.push((run = { first: i, last: i, highest: 0, busiest_core: 0 }));
    run.last = i;
    run.highest = Math.max(run.highest, busy);
    run.busiest_core = Math.max(run.busiest_core, recording.busiest_core[i] ?? 0);
  });
  // A reading is of the interval that ends with it.
  return found.map((burst) => ({
    ...burst,
    start_ms: recording.time_ms[burst.first] - recording.interval_ms,
    end_ms: recording.time_ms[burst.last],
    length_ms:
      recording.time_ms[burst.last] - recording.time_ms[burst.first] + recording.interval_ms,
  }));
}

/** [{from_ms, to_ms}] of the holes. */
export function holes_of(recording) {
  const holes = [];
  for (let i = 1; i < recording.time_ms.length; ++i) {
    if (follows_hole(recording, i)) {
      holes.push({
        from_ms: recording.time_ms[i - 1],
        to_ms: recording.time_ms[i] - recording.interval_ms,
      });
    }
  }
  return holes;
}

/** The first reading that ends after `ms`. */
export function index_after(recording, ms) {
  let low = 0;
  let high = recording.time_ms.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (recording.time_ms[middle] > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The reading whose time is nearest, -1 when there is none. */
export function nearest(recording, ms) {
  const { time_ms } = recording;
  if (time_ms.length === 0) return -1;
  const i = Math.min(index_after(recording, ms), time_ms.length - 1);
  return i > 0 && ms - time_ms[i - 1] < time_ms[i] - ms ? i - 1 : i;
}

/** {mean, highest} of the known `values` from `first` up to and without `end`; undefined when none is known. */
export function column(values, first, end) {
  let sum = 0;
  let known = 0;
  let highest = 0;
  for (let i = first; i < end; ++i) {
    if (values[i] === null) continue;
    sum += values[i];
    ++known;
    if (values[i] > highest) highest = values[i];
  }
  return known === 0 ? undefined : { mean: sum / known, highest };
}
