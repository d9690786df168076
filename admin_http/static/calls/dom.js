// The table's place in the page, and how its parts are found and written. Everything from callers is set as text.
export const root = document.getElementById("live");
export const say = root.dataset;
export const form = root.querySelector("[data-call-filter]");
export const names = new Map([...form.elements.pbx.options].map((option) => [option.value, option.textContent]));
export const skew = Number(say.now) * 1000 - Date.now();

export const template = (name) => root.querySelector(`[data-template=${name}]`).content.firstElementChild;
export const slot = (element, name) => element.querySelector(`[data-slot=${name}]`);
export const short = (channel) => channel.replace(/-[0-9a-f]{8}(;[12])?$/, "");
export const key = (call) => `${call.server ?? ""} ${call.linkedid}`;

export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export const ago = (seconds) => (seconds < 60 ? `${seconds}\u00a0s` : `${Math.floor(seconds / 60)}\u00a0min`);
