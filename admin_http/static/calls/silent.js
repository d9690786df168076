// The servers that do not answer, each with its last known calls and their age.
import { ago, names, root, say, short, skew, slot, template, write } from "./dom.js";

export function showSilent(silent) {
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

export function sayAges() {
  for (const block of root.querySelectorAll("[data-silent] [data-since]")) {
    const since = Number(block.dataset.since);
    const seconds = Math.max(0, Math.floor((Date.now() + skew) / 1000 - since));
    const time = ago(seconds);
    write(slot(block, "silence"), (since ? say.wordSilent : say.wordNever).replace("{server}", block.dataset.server).replace("{time}", time));
    const age = slot(block, "age");
    age.hidden = since === 0;
    write(age, say.wordAge.replace("{time}", time));
  }
}
