// Hanging up asks first, in a dialog that names the people; the focus starts on the safe button.
import { names, root, slot } from "./dom.js";

const dialog = root.querySelector("[data-hang-up]");

// `calls` finds what a row is about; `after` is told when the dialog is gone.
export function askBeforeHangUp(rows, calls, after) {
  rows.addEventListener("click", (event) => {
    const link = event.target.closest("[data-slot=hang]");
    if (!link || !dialog) return;
    event.preventDefault();
    const { server, id } = link.closest("tr").dataset;
    const call = calls.get(`${server} ${id}`);
    if (!call) return;
    dialog.querySelector("form").action = link.getAttribute("href");
    slot(dialog, "caller").textContent = call.origin.caller || call.linkedid;
    const people = [names.get(call.pbx ?? "-") ?? "", `${call.origin.caller} → ${call.origin.dialled}`];
    slot(dialog, "who").textContent = people.filter(Boolean).join(", ");
    dialog.showModal();
  });
  dialog?.querySelector("[data-keep]").addEventListener("click", () => dialog.close());
  dialog?.addEventListener("close", after);
}
