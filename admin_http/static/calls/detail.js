// What stands below an opened call: how its audio fares, asked anew every few seconds, and how to end it.
import { key, root, say, slot, template, write } from "./dom.js";

const EVERY = 3000;
const GOOD = 80;
const FAIR = 60;
const detailTemplate = template("detail");
const emergency = new Set(say.emergency.split(" "));
const open = new Map(); // server and linkedid → the row below
const lang = document.documentElement.lang;
const clock = new Intl.DateTimeFormat(lang, { timeStyle: "medium", timeZone: say.zone });

export function opensDetails(rows, calls) {
  rows.addEventListener("click", (event) => {
    const link = event.target.closest("[data-slot=details]");
    if (!link) return;
    event.preventDefault();
    if (event.detail) link.blur(); // who clicks with a mouse does not stay: rows wait while one of them has the focus
    const row = link.closest(".call");
    const id = `${row.dataset.server} ${row.dataset.id}`;
    if (open.has(id)) close(row, id);
    else if (calls.has(id)) show(row, calls.get(id));
  });
  setInterval(() => {
    for (const [id, row] of open) if (calls.has(id) && !row.hidden) ask(row, calls.get(id));
  }, EVERY);
}

function show(row, call) {
  const detail = detailTemplate.cloneNode(true);
  const where = `/calls/${encodeURIComponent(call.linkedid)}`;
  const server = `?server=${encodeURIComponent(call.server ?? "")}`;
  detail.dataset.id = call.linkedid;
  detail.dataset.server = call.server ?? "";
  slot(detail, "all").setAttribute("href", where + server);
  const hang = slot(detail, "hang");
  if (hang) {
    const rescue = emergency.has(call.origin.dialled);
    hang.setAttribute("href", `${where}/hangup${server}`);
    hang.classList.toggle("hidden-choice", rescue);
    slot(detail, "kept").classList.toggle("hidden-choice", !rescue);
  }
  row.after(detail);
  row.classList.add("opened");
  write(slot(row, "details"), say.wordClose);
  open.set(key(call), detail);
  ask(detail, call);
}

function close(row, id) {
  row.classList.remove("opened");
  write(slot(row, "details"), say.wordDetails);
  forget(id);
}

export const below = (id) => open.get(id);

export function forget(id) {
  open.get(id)?.remove();
  open.delete(id);
}

export function hideWith(id, hidden) {
  if (open.has(id)) open.get(id).hidden = hidden;
}

async function ask(row, call) {
  write(slot(row, "answered"), call.answered ? clock.format(Date.parse(call.answered)) : "–");
  const path = `/api/v1/calls/${encodeURIComponent(call.linkedid)}?server=${encodeURIComponent(call.server ?? "")}`;
  const failed = slot(row, "failed");
  try {
    const answer = await fetch(path, { headers: { Accept: "application/json" } });
    const told = await answer.json();
    failed.hidden = answer.ok;
    if (answer.ok) fill(row, told.media);
    else write(failed, answer.status === 404 ? say.wordEnded : told.detail);
  } catch {
    failed.hidden = false;
    write(failed, say.wordLost);
  }
}

// The worst leg decides: one bad way spoils the call for both.
function fill(row, media) {
  const known = (name) => media.map((leg) => leg[name]).filter((value) => value !== null);
  const worst = (name) => (known(name).length ? Math.max(...known(name)) : null);
  const say1 = (value, unit) => (value === null ? "–" : `${value.toLocaleString(lang, { maximumFractionDigits: 1 })}\u00a0${unit}`);
  write(slot(row, "loss"), say1(worst("loss_percent"), "%"));
  write(slot(row, "jitter"), say1(worst("jitter_ms"), "ms"));
  write(slot(row, "trip"), say1(worst("round_trip_ms"), "ms"));
  const mes = known("mes").length ? Math.min(...known("mes")) : null;
  write(slot(row, "mes"), say1(mes, mes === null ? "" : mes >= GOOD ? say.wordGood : mes >= FAIR ? say.wordFair : say.wordPoor));
}
