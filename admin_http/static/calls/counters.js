// The counters above the table: calls, answered, ringing, by codec, and how many wait to be shown.
import { root, say, write } from "./dom.js";

const rows = root.querySelector("[data-calls]").tBodies[0];
const waitingButton = root.querySelector("[data-waiting]");

let summing = false;
export function sum(calls, waiting) {
  if (summing) return;
  summing = true;
  requestAnimationFrame(() => {
    summing = false;
    const all = [...calls.values()];
    const up = all.filter((call) => call.answered).length;
    const count = (name) => root.querySelector(`[data-count=${name}]`);
    const number = (value) => value.toLocaleString(document.documentElement.lang);
    write(count("all"), number(all.length));
    write(count("servers"), say.wordServers.replace("{count}", new Set(all.map((call) => call.server)).size));
    write(count("up"), number(up));
    write(count("ringing"), number(all.length - up));
    showCodecs(count("codecs"), all, number);
    waitingButton.hidden = waiting.size === 0;
    write(waitingButton, say.wordNew.replace("{count}", waiting.size));
    root.querySelector("[data-empty]").hidden = [...rows.children].some((row) => !row.hidden);
  });
}

function showCodecs(place, all, number) {
  const codecs = new Map();
  for (const { origin } of all) if (origin.state === "Up" && origin.codecs.length) codecs.set(origin.codecs[0], (codecs.get(origin.codecs[0]) ?? 0) + 1);
  place.replaceChildren(
    ...[...codecs].sort((a, b) => b[1] - a[1]).map(([codec, value]) => {
      const item = document.createElement("span");
      const bold = document.createElement("b");
      bold.textContent = number(value);
      item.append(bold, ` ${codec}`);
      return item;
    }),
  );
}
