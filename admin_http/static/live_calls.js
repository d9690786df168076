// The table of live calls, kept true by server-sent events. Everything from callers is set as text, never as markup.
const root = document.getElementById("live");
const say = root.dataset;
const table = root.querySelector("[data-calls]");
const rows = table.tBodies[0];
const template = (name) => root.querySelector(`[data-template=${name}]`).content.firstElementChild;
const callTemplate = template("call");
const legTemplate = template("leg");
const form = root.querySelector("[data-call-filter]");
const names = new Map([...form.elements.pbx.options].map((option) => [option.value, option.textContent]));
const emergency = new Set(say.emergency.split(" "));
const waitingButton = root.querySelector("[data-waiting]");
const freezeButton = document.querySelector("[data-freeze]");
const live = document.querySelector("[data-live]");
const skew = Number(say.now) * 1000 - Date.now();

const ICONS = { Up: "dot", Ring: "waves", Ringing: "waves", Busy: "struck" };
const KINDS = { Up: "ok", Ring: "warn", Ringing: "warn", Busy: "bad" };
const LEGS_SHOWN = 6;

const calls = new Map(); // server and linkedid → call
const shown = new Map(); // the same → its row
const waiting = new Set(); // new calls that wait until nobody points at the table
const over = new Set(); // ended calls whose rows wait likewise
const opened = new Set(); // calls whose every leg is shown
let frozen = false;
let connected = false;
let sure = true;
let silent = []; // the servers that do not answer, with their last known calls
let lastChange = Date.now();

const key = (call) => `${call.server ?? ""} ${call.linkedid}`;
const slot = (element, name) => element.querySelector(`[data-slot=${name}]`);
const short = (channel) => channel.replace(/-[0-9a-f]{8}(;[12])?$/, "");

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function writeState(element, state) {
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.className = `state ${KINDS[state] ?? "muted"}`;
  element.querySelector("use").setAttribute("href", `${say.icons}#${ICONS[state] ?? "ring"}`);
  element.lastElementChild.textContent = state;
}

function fill(row, call) {
  const { origin } = call;
  row.dataset.id = call.linkedid;
  row.dataset.server = call.server ?? "";
  row.dataset.started = call.started;
  write(slot(row, "linkedid"), call.linkedid);
  const pbx = slot(row, "pbx");
  write(pbx, names.get(call.pbx ?? "-") ?? call.pbx ?? say.wordUnknown);
  pbx.setAttribute("href", `/pbx/${encodeURIComponent(call.pbx ?? "")}`);
  write(slot(row, "server"), call.server ?? "");
  const from = row.querySelector(".c-chan");
  write(slot(from, "channel"), short(origin.channel));
  writeState(slot(from, "state"), origin.state);
  write(slot(row, "caller"), origin.caller);
  write(slot(row, "name"), origin.name);
  write(slot(row, "dialled"), origin.dialled);
  write(row.querySelector(".c-codec"), origin.codecs.join(" "));
  const rescue = emergency.has(origin.dialled);
  write(slot(row, "rescue"), rescue ? say.wordEmergency : "");
  const hang = slot(row, "hang");
  if (hang) {
    hang.setAttribute("href", `/calls/${encodeURIComponent(call.linkedid)}/hangup?server=${encodeURIComponent(call.server ?? "")}`);
    hang.classList.toggle("hidden-choice", rescue);
    slot(row, "kept").classList.toggle("hidden-choice", !rescue);
  }
  fillLegs(slot(row, "legs"), call);
}

function fillLegs(list, call) {
  const legs = opened.has(key(call)) ? call.destinations : call.destinations.slice(0, LEGS_SHOWN);
  const more = call.destinations.length - legs.length;
  list.querySelector(".legs-more")?.remove();
  while (list.children.length > legs.length) list.lastElementChild.remove();
  while (list.children.length < legs.length) list.append(legTemplate.cloneNode(true));
  legs.forEach((leg, index) => {
    const item = list.children[index];
    write(slot(item, "codecs"), leg.codecs.join(" "));
    write(slot(item, "channel"), short(leg.channel));
    writeState(slot(item, "state"), leg.state);
    write(slot(item, "answerer"), leg.answerer ? `${leg.answerer} ${leg.name}`.trim() : "—");
  });
  if (more > 0) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "legs-more";
    button.textContent = say.wordMore.replace("{count}", more);
    button.addEventListener("click", () => {
      opened.add(key(call));
      fillLegs(list, call);
    });
    list.append(button);
  }
}

function wanted(call) {
  const { text, pbx, server, state, codec } = Object.fromEntries(new FormData(form));
  const legs = [call.origin, ...call.destinations];
  const search = text.trim().toLowerCase();
  const texts = [call.linkedid, call.origin.caller, call.origin.dialled, call.origin.name];
  return (
    (!pbx || call.pbx === pbx) &&
    (!server || call.server === server) &&
    (!state || legs.some((leg) => leg.state === state)) &&
    (!codec || legs.some((leg) => leg.codecs.includes(codec))) &&
    (!search || [...texts, ...legs.map((leg) => `${leg.channel} ${leg.answerer ?? ""}`)].some((value) => value.toLowerCase().includes(search)))
  );
}

const held = () => frozen || rows.matches(":hover, :focus-within") || root.querySelector("dialog[open]") !== null;

function place(call) {
  const row = callTemplate.cloneNode(true);
  fill(row, call);
  row.hidden = !wanted(call);
  if (connected) row.classList.add("fresh");
  const younger = [...rows.children].find((other) => other.dataset.started <= call.started);
  rows.insertBefore(row, younger ?? null);
  shown.set(key(call), row);
}

function settle() {
  if (held()) return;
  for (const id of over) {
    shown.get(id)?.remove();
    shown.delete(id);
    opened.delete(id);
  }
  over.clear();
  showWaiting();
}

function showWaiting() {
  for (const id of waiting) if (calls.has(id)) place(calls.get(id));
  waiting.clear();
  sum();
}

function change(call) {
  lastChange = Date.now();
  calls.set(key(call), call);
  const row = shown.get(key(call));
  if (row) {
    over.delete(key(call));
    row.classList.remove("over-now");
    fill(row, call);
    if (!held()) row.hidden = !wanted(call);
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
    row.remove();
    shown.delete(id);
    opened.delete(id);
  }
}

function snapshot(list) {
  const living = new Set(list.map(key));
  for (const id of [...calls.keys()]) if (!living.has(id)) end(id);
  for (const call of list) change(call);
}

function showSilent() {
  const blocks = silent.map((server) => {
    const block = template("silent").cloneNode(true);
    block.dataset.since = server.since;
    block.dataset.server = server.server;
    slot(block, "aged").append(
      ...(server.calls ?? []).map((call) => {
        const row = template("aged").cloneNode(true);
        write(slot(row, "linkedid"), call.linkedid);
        write(slot(row, "pbx"), names.get(call.pbx ?? "-") ?? call.pbx ?? "");
        write(slot(row, "from"), `${short(call.origin.channel)} · ${call.origin.caller}`);
        write(slot(row, "to"), `→ ${call.origin.dialled} · ${call.origin.state}`);
        return row;
      }),
    );
    return block;
  });
  root.querySelector("[data-silent]").replaceChildren(...blocks);
  sayAges();
}

function sayAges() {
  for (const block of root.querySelectorAll("[data-silent] [data-since]")) {
    const since = Number(block.dataset.since);
    const seconds = Math.max(0, Math.floor((Date.now() + skew) / 1000 - since));
    const time = seconds < 60 ? `${seconds}\u00a0s` : `${Math.floor(seconds / 60)}\u00a0min`;
    write(slot(block, "silence"), (since ? say.wordSilent : say.wordNever).replace("{server}", block.dataset.server).replace("{time}", time));
    const age = slot(block, "age");
    age.hidden = since === 0;
    write(age, say.wordAge.replace("{time}", time));
  }
}

let summing = false;
function sum() {
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
    const codecs = new Map();
    for (const { origin } of all) if (origin.state === "Up" && origin.codecs.length) codecs.set(origin.codecs[0], (codecs.get(origin.codecs[0]) ?? 0) + 1);
    count("codecs").replaceChildren(
      ...[...codecs].sort((a, b) => b[1] - a[1]).map(([codec, value]) => {
        const item = document.createElement("span");
        const bold = document.createElement("b");
        bold.textContent = number(value);
        item.append(bold, ` ${codec}`);
        return item;
      }),
    );
    waitingButton.hidden = waiting.size === 0;
    write(waitingButton, say.wordNew.replace("{count}", waiting.size));
    root.querySelector("[data-empty]").hidden = [...rows.children].some((row) => !row.hidden);
  });
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
  const kind = frozen ? "muted" : connected && sure ? "ok" : "warn";
  const word = frozen ? say.wordFrozen : !connected ? say.wordLost : sure ? say.wordLive : say.wordUnsure;
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
  write(age, connected ? say.wordLast.replace("{time}", seconds < 60 ? `${seconds}\u00a0s` : `${Math.floor(seconds / 60)}\u00a0min`) : "");
}

const stream = new EventSource(say.stream);
stream.addEventListener("snapshot", (event) => {
  const data = JSON.parse(event.data);
  sure = data.sure ?? true;
  if (!connected && calls.size === 0) {
    rows.replaceChildren();
    shown.clear();
  }
  snapshot(data.calls ?? []);
  silent = data.silent ?? [];
  showSilent();
  connected = true;
  sum();
  tick();
});
stream.addEventListener("call", (event) => {
  change(JSON.parse(event.data).call);
  sum();
});
stream.addEventListener("gone", (event) => {
  const data = JSON.parse(event.data);
  end(key(data));
  sum();
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
function refilter() {
  for (const [id, row] of shown) if (calls.has(id)) row.hidden = !wanted(calls.get(id));
  for (const pick of form.querySelectorAll(".pick")) pick.classList.toggle("on", pick.querySelector("select").value !== "");
  sum();
}
form.addEventListener("input", refilter);
form.addEventListener("submit", (event) => event.preventDefault());

// Hanging up asks first, in a dialog that names the people; the focus starts on the safe button.
const dialog = root.querySelector("[data-hang-up]");
rows.addEventListener("click", (event) => {
  const link = event.target.closest("[data-slot=hang]");
  if (!link || !dialog) return;
  event.preventDefault();
  const call = calls.get(`${link.closest(".call").dataset.server} ${link.closest(".call").dataset.id}`);
  if (!call) return;
  dialog.querySelector("form").action = link.getAttribute("href");
  slot(dialog, "caller").textContent = call.origin.caller || call.linkedid;
  const people = [names.get(call.pbx ?? "-") ?? "", `${call.origin.caller} → ${call.origin.dialled}`];
  slot(dialog, "who").textContent = people.filter(Boolean).join(", ");
  dialog.showModal();
});
dialog?.querySelector("[data-keep]").addEventListener("click", () => dialog.close());
dialog?.addEventListener("close", settle);

setInterval(tick, 1000);
