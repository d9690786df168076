// In which order calls stand: the newest first, unless the list above the table says otherwise.
import { form, names } from "./dom.js";

const name = (call) => names.get(call.pbx ?? "-") ?? "";
const KEYS = { pbx: name, server: (call) => call.server ?? "", caller: (call) => call.origin.caller };

// Less than zero where `one` stands above `other`.
export function compare(one, other) {
  const order = form.elements.order.value;
  if (order === "oldest") return one.started < other.started ? -1 : 1;
  const newest = one.started > other.started ? -1 : 1;
  const key = KEYS[order];
  return key ? key(one).localeCompare(key(other)) || newest : newest;
}
