// Questions to the exporter, and why one was not answered.

const PATIENCE_MS = 10_000;

/** What a person should know of a failure.  `status` is absent when nobody answered. */
export class Failure extends Error {
  constructor(words, status, retry_after_s) {
    super(words);
    this.status = status;
    this.retry_after_s = retry_after_s;
  }
}

/** The answer to a GET, paths relative to this page.  Throws Failure; what `signal` ends throws AbortError. */
export async function ask(path, query = {}, signal = undefined, patience_ms = PATIENCE_MS) {
  const words = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== undefined && value !== ""),
  ).toString();
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), patience_ms);
  const give_up = () => patience.abort();
  signal?.addEventListener("abort", give_up);
  try {
    return await answer_of(
      await fetch(words ? `${path}?${words}` : path, {
        signal: patience.signal,
        cache: "no-store",
      }),
    );
  } catch (failure) {
    if (failure instanceof Failure) throw failure;
    signal?.throwIfAborted();
    if (patience.signal.aborted)
      throw new Failure(`The exporter did not answer within ${patience_ms / 1000} s.`);
    throw new Failure("The exporter cannot be reached.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", give_up);
  }
}

async function answer_of(response) {
  const retry_after = Number(response.headers.get("Retry-After")) || undefined;
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    if (response.ok)
      throw new Failure(
        "The exporter's answer is cut off, or comes from something else.",
        response.status,
      );
  }
  if (response.ok) return body;
  throw new Failure(body?.error ?? words_of(response.status), response.status, retry_after);
}

function words_of(status) {
  if (status === 401) return "The exporter asks for a user and a password: load this page again.";
  if (status === 429) return "The exporter has too many questions to answer.";
  if (status === 503) return "The exporter is not ready.";
  return `The exporter answers with error ${status}.`;
}
