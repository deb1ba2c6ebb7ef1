// What the address says behind its #: a list of machines, or one.  So each view can be linked, and "back" works.
//
//   #/                          all machines          #/web-1            one machine
//   #/?state=gone&sort=name     a choice of them      #/web-1/recorder   with its flight recorder open

const SORTS = ["busy", "peak", "name", "last_seen"];
const STATES = ["alive", "silent", "gone"];

export function route_of(fragment) {
  const [path, query = ""] = fragment.replace(/^#?\/?/, "").split("?");
  const [name, part] = path.split("/");
  if (name) return { view: "machine", endpoint: decoded(name), recorder: part === "recorder" };
  const words = new URLSearchParams(query);
  const one_of = (known, value, otherwise) => (known.includes(value) ? value : otherwise);
  return {
    view: "fleet",
    state: one_of(STATES, words.get("state"), ""),
    search: words.get("search") ?? "",
    sort: one_of(SORTS, words.get("sort"), "busy"),
    page: Math.max(1, Math.min(1e6, Math.floor(Number(words.get("page")) || 1))),
  };
}

export function fragment_of(route) {
  if (route.view === "machine")
    return `#/${encodeURIComponent(route.endpoint)}${route.recorder ? "/recorder" : ""}`;
  const words = new URLSearchParams();
  if (route.state) words.set("state", route.state);
  if (route.search) words.set("search", route.search);
  if (route.sort !== "busy") words.set("sort", route.sort);
  if (route.page !== 1) words.set("page", String(route.page));
  const query = words.toString();
  return query ? `#/?${query}` : "#/";
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
