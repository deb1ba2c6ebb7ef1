// The last minutes of a machine in slots of some seconds, kept from answer to answer.

/** How many slots the exporter keeps. */
export const SLOTS = 150;

/**
 * `kept` with the slots of `news` behind it, at most SLOTS of them; undefined when slots are missing between the two,
 * so that all of them have to be asked for again.  `news` may hold the slots that `kept` ended with: they were not
 * over yet.
 */
export function merged(kept, news) {
  if (news.percent.length >= SLOTS) return news;
  if (!kept || kept.step_ms !== news.step_ms) return undefined;
  const added = Math.round((news.end_ms - kept.end_ms) / news.step_ms);
  const fresh = news.percent.length;
  if (added > fresh || added < 0) return undefined;
  const join = (old, young) =>
    [...old.slice(0, old.length - (fresh - added)), ...young].slice(-SLOTS);
  return {
    step_ms: news.step_ms,
    end_ms: news.end_ms,
    percent: join(kept.percent, news.percent),
    peak: join(kept.peak, news.peak),
  };
}

/** {average, highest} of what is known, undefined when nothing is. */
export function summary(history) {
  const known = history.percent.filter((value) => value !== null);
  if (known.length === 0) return undefined;
  return {
    average: known.reduce((sum, value) => sum + value, 0) / known.length,
    highest: history.peak.reduce((highest, value) => Math.max(highest, value ?? 0), 0),
  };
}
