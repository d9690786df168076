// The chart of the last hour's calls, drawn anew every minute.
import { root, say, write } from "./dom.js";

const EVERY = 60_000;
const WIDTH = 120;
const HEIGHT = 24;
const text = root.querySelector("[data-hour]");

async function draw() {
  const answer = await fetch(text.dataset.hour);
  if (!answer.ok) return;
  const minutes = await answer.json();
  if (minutes.length === 0) return;
  const last = minutes.at(-1).at;
  const most = Math.max(1, ...minutes.map(({ calls }) => calls));
  const x = (at) => WIDTH - ((last - at) / 3600) * WIDTH;
  const y = (calls) => HEIGHT - 1 - (calls / most) * (HEIGHT - 2);
  const points = minutes.map(({ at, calls }) => `${x(at).toFixed(1)},${y(calls).toFixed(1)}`);
  if (points.length === 1) points.unshift(`${WIDTH - 2},${y(minutes[0].calls).toFixed(1)}`);
  text.parentElement.querySelector("polyline").setAttribute("points", points.join(" "));
  const number = (value) => value.toLocaleString(document.documentElement.lang);
  write(text, say.wordHour.replace("{first}", number(minutes[0].calls)).replace("{last}", number(minutes.at(-1).calls)));
}

if (text) {
  draw();
  setInterval(draw, EVERY);
}
