// Alive, silent, gone: a word, a shape and a colour for each.

import { make, set_text } from "./format.js";

/** An expected machine that has not come since the exporter started is gone too, but for another reason. */
export const state_of = (agent) =>
  agent.state === "gone" && agent.has_come === false ? "never came" : agent.state;

export function make_state() {
  const shape = make("i", { class: "shape", "aria-hidden": "true" });
  return make("span", { class: "state-word" }, shape, make("span"));
}

export function show_state(element, agent) {
  const word = state_of(agent);
  set_text(element.lastChild, word);
  element.firstChild.className = `shape ${word.replace(" ", "-")}`;
}

/** How hot a percentage is: what the bar's colour says beside its length. */
export const heat_of = (percent) => (percent >= 90 ? "hot" : percent >= 75 ? "warm" : "calm");
