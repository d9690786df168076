// The table of live calls, kept true by server-sent events. Everything from callers is set as text, never as markup.
import { sum } from "./calls/counters.js";
import { ago, form, key, root, say, skew, slot, write } from "./calls/dom.js";
import { below, forget, hideWith, opensDetails } from "./calls/detail.js";
import { markPicked, wanted } from "./calls/filter.js";
import { askBeforeHangUp } from "./calls/hang_up.js";
import "./calls/hour.js";
import { compare } from "./calls/order.js";
import { emptyRow, fill, opened } from "./calls/row.js";
import { sayAges, showSilent } from "./calls/silent.js";

const rows = root.querySelector("[data-calls]").tBodies[0];
const waitingButton = root.querySelector("[data-waiting]");
const freezeButton = document.querySelector("[data-freeze]");
const live = document.querySelector("[data-live]");

const calls = new Map(); // server and linkedid → call
const shown = new Map(); // the same → its row
const waiting = new Set(); // new calls that wait until nobody points at the table
const over = new Set(); // ended calls whose rows wait likewise
let frozen = false;
let connected = false;
let sure = true;
let late = [];
let lastChange = Date.now();

const held = () => frozen || rows.matches(":hover, :focus-within") || root.querySelector("dialog[open]") !== null;

// The call before which this one stands, if any; a list that arrives in order costs one comparison a call.
function after(call) {
  const { server, id } = rows.lastElementChild?.dataset ?? {};
  const last = calls.get(`${server} ${id}`);
  if (last && compare(call, last) > 0) return undefined;
  const later = [...shown.keys()].filter((other) => calls.has(other) && compare(call, calls.get(other)) < 0);
  return later.sort((one, other) => compare(calls.get(one), calls.get(other)))[0];
}

function place(call) {
  const row = emptyRow();
  fill(row, call);
  row.hidden = !wanted(call);
  if (connected) row.classList.add("fresh");
  rows.insertBefore(row, shown.get(after(call)) ?? null);
  shown.set(key(call), row);
}

function remove(id) {
  shown.get(id)?.remove();
  shown.delete(id);
  opened.delete(id);
  forget(id);
}

function hide(id, hidden) {
  shown.get(id).hidden = hidden;
  hideWith(id, hidden);
}

function settle() {
  if (held()) return;
  for (const id of over) {
    remove(id);
  }
  over.clear();
  showWaiting();
}

function showWaiting() {
  for (const id of waiting) if (calls.has(id)) place(calls.get(id));
  waiting.clear();
  sum(calls, waiting);
}

function change(call) {
  lastChange = Date.now();
  calls.set(key(call), call);
  const row = shown.get(key(call));
  if (row) {
    over.delete(key(call));
    row.classList.remove("over-now");
    fill(row, call);
    if (!held()) hide(key(call), !wanted(call));
  } else if (rows.children.length > 0 && held()) waiting.add(key(call));
  else place(call);
}

function end(id) {
  lastChange = Date.now();
  calls.delete(id);
  waiting.delete(id);
  const row = shown.get(id);
  if (!row) return;
  if (held()) {
    over.add(id);
    row.classList.add("over-now");
    write(slot(row, "time"), say.wordOver);
  } else {
    remove(id);
  }
}

function snapshot(list) {
  const living = new Set(list.map(key));
  for (const id of [...calls.keys()]) if (!living.has(id)) end(id);
  for (const call of list) change(call);
}

function tick() {
  const now = Date.now() + skew;
  for (const [id, row] of shown) {
    if (over.has(id) || row.hidden) continue;
    const seconds = Math.max(0, Math.floor((now - Date.parse(row.dataset.started)) / 1000));
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
    write(slot(row, "time"), seconds >= 3600 ? `${h}:${m}:${s}` : `${m}:${s}`);
  }
  sayHow();
  sayAges();
}

function sayHow() {
  const kind = frozen ? "muted" : connected && sure && !late.length ? "ok" : "warn";
  const known = late.length ? say.wordLate.replace("{servers}", late.join(", ")) : say.wordLive;
  const word = frozen ? say.wordFrozen : !connected ? say.wordLost : sure ? known : say.wordUnsure;
  const state = live.querySelector(".state");
  state.className = `state ${kind}`;
  state.querySelector("use").setAttribute("href", `${say.icons}#${frozen ? "bars" : kind === "ok" ? "dot" : "triangle"}`);
  write(state.lastElementChild, word);
  let age = live.querySelector("small");
  if (!age) {
    age = document.createElement("small");
    age.className = "muted";
    live.append(age);
  }
  const seconds = Math.floor((Date.now() - lastChange) / 1000);
  write(age, connected ? say.wordLast.replace("{time}", ago(seconds)) : "");
}

const stream = new EventSource(say.stream);
stream.addEventListener("snapshot", (event) => {
  const data = JSON.parse(event.data);
  sure = data.sure ?? true;
  late = data.late ?? [];
  if (!connected && calls.size === 0) {
    rows.replaceChildren();
    shown.clear();
  }
  snapshot(data.calls ?? []);
  showSilent(data.silent ?? []);
  connected = true;
  sum(calls, waiting);
  tick();
});
stream.addEventListener("call", (event) => {
  change(JSON.parse(event.data).call);
  sum(calls, waiting);
});
stream.addEventListener("gone", (event) => {
  const data = JSON.parse(event.data);
  end(key(data));
  sum(calls, waiting);
});
stream.addEventListener("error", () => {
  connected = false;
  sayHow();
});

rows.addEventListener("pointerleave", () => settle());
rows.addEventListener("focusout", () => setTimeout(settle));
waitingButton.addEventListener("click", showWaiting);
freezeButton.addEventListener("click", () => {
  frozen = !frozen;
  freezeButton.setAttribute("aria-pressed", String(frozen));
  if (!frozen) settle();
  sayHow();
});
function sort() {
  const known = [...shown.keys()].filter((id) => calls.has(id));
  for (const id of known.sort((one, other) => compare(calls.get(one), calls.get(other)))) rows.append(...[shown.get(id), below(id)].filter(Boolean));
}
form.elements.order.addEventListener("change", sort);
function refilter() {
  for (const id of shown.keys()) if (calls.has(id)) hide(id, !wanted(calls.get(id)));
  markPicked();
  sum(calls, waiting);
}
form.addEventListener("input", refilter);
form.addEventListener("submit", (event) => event.preventDefault());

opensDetails(rows, calls);
askBeforeHangUp(rows, calls, settle);
setInterval(tick, 1000);
