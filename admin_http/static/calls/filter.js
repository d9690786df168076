// Which calls are wanted, by the filters above the table.
import { form } from "./dom.js";

export function wanted(call) {
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

export function markPicked() {
  for (const pick of form.querySelectorAll(".pick")) pick.classList.toggle("on", pick.querySelector("select").value !== "");
}
