// One call as a row: its origin, its legs, their states.
import { key, names, say, short, slot, template, write } from "./dom.js";

const callTemplate = template("call");
const legTemplate = template("leg");
const emergency = new Set(say.emergency.split(" "));
const ICONS = { Up: "dot", Ring: "waves", Ringing: "waves", Busy: "struck" };
const KINDS = { Up: "ok", Ring: "warn", Ringing: "warn", Busy: "bad" };
const LEGS_SHOWN = 6;

export const opened = new Set(); // calls whose every leg is shown

export const emptyRow = () => callTemplate.cloneNode(true);

function writeState(element, { state, held }) {
  const words = held ? `${state} · ${say.wordHeld}` : state;
  if (element.dataset.state === words) return;
  element.dataset.state = words;
  element.className = `state ${held ? "muted" : (KINDS[state] ?? "muted")}`;
  element.querySelector("use").setAttribute("href", `${say.icons}#${held ? "bars" : (ICONS[state] ?? "ring")}`);
  element.lastElementChild.textContent = words;
}

export function fill(row, call) {
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
  writeState(slot(from, "state"), origin);
  write(slot(row, "caller"), origin.caller);
  write(slot(row, "name"), origin.name);
  write(slot(row, "dialled"), origin.dialled);
  write(row.querySelector(".c-codec"), origin.codecs.join(" "));
  const rescue = emergency.has(origin.dialled);
  write(slot(row, "rescue"), rescue ? say.wordEmergency : "");
  const where = `/calls/${encodeURIComponent(call.linkedid)}?server=${encodeURIComponent(call.server ?? "")}`;
  slot(row, "details").setAttribute("href", where);
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
    writeState(slot(item, "state"), leg);
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
