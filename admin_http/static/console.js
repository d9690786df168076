// What every page gains from a script: a ticking clock, the line of truth, pages that stay true, filters at once.
document.documentElement.classList.add("scripted");

const EVERY = 5000;
const line = document.querySelector("[data-truth]");
let seen = performance.now();

function tick() {
  const clock = line?.querySelector("[data-clock]");
  if (!clock) return;
  const gone = (performance.now() - seen) / 1000;
  if (clock.dataset.text === undefined) clock.dataset.text = clock.textContent;
  const [h, m, s] = clock.dataset.text.split(":").map(Number);
  const now = (h * 3600 + m * 60 + s + Math.floor(gone)) % 86400;
  clock.textContent = [now / 3600, (now / 60) % 60, now % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  const facts = line.querySelector("[data-age]");
  const age = Math.floor(Number(facts.dataset.age) + gone);
  const said = age < 60 ? `${age}\u00a0s` : `${Math.floor(age / 60)}\u00a0min`;
  for (const text of line.querySelectorAll("[data-age-text]")) text.textContent = text.dataset.ageText.replace("{age}", said);
  line.querySelector(".age")?.classList.toggle("warn", age > 10);
}

async function fetched(path) {
  const response = await fetch(path, { headers: { "X-Background": "1" }, redirect: "error" });
  if (!response.ok) throw new Error(String(response.status));
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function renewTruth() {
  const page = await fetched(line.dataset.truth);
  line.replaceChildren(...page.body.childNodes);
  seen = performance.now();
  tick();
}

// Nothing moves under the hand: a region that is pointed at, focused or open waits.
function busy(region) {
  return region.matches(":hover, :focus-within") || region.querySelector(":popover-open, dialog[open]") !== null;
}

async function renewPage() {
  const regions = [...document.querySelectorAll("[data-fresh]")].filter((region) => !busy(region));
  if (regions.length === 0) return;
  const page = await fetched(location.href);
  for (const region of regions) {
    const next = page.getElementById(region.id);
    if (next && !busy(region) && next.innerHTML !== region.innerHTML) region.replaceChildren(...next.childNodes);
  }
}

if (line) {
  setInterval(tick, 1000);
  setInterval(() => {
    if (!document.hidden) Promise.all([renewTruth(), renewPage()]).catch(() => tick());
  }, EVERY);
}

// Filters answer while one types; without a script the button does it.
for (const form of document.querySelectorAll("form[data-filter]")) {
  let waiting;
  form.addEventListener("change", (event) => event.target.type !== "search" && form.requestSubmit());
  form.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const address = new URL(location.href);
      for (const [name, value] of new FormData(form)) address.searchParams.set(name, value);
      history.replaceState(null, "", address);
      for (const region of document.querySelectorAll("[data-fresh]")) {
        const next = (await fetched(address)).getElementById(region.id);
        if (next) region.replaceChildren(...next.childNodes);
      }
    }, 200);
  });
}

// "Por quê?" opens below its row.
document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggle]");
  if (!toggle || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const below = document.getElementById(toggle.getAttribute("aria-controls"));
  const open = below.hidden;
  below.hidden = !open;
  toggle.setAttribute("aria-expanded", String(open));
  toggle.closest("[data-why]").classList.toggle("selected", open);
});

// The status of a virtual PBX: column, sentence and button follow the choice.
for (const form of document.querySelectorAll("[data-status-form]")) {
  form.addEventListener("change", () => {
    const chosen = form.querySelector("input[name=status]:checked")?.value;
    for (const cell of form.querySelectorAll("[data-status]")) cell.classList.toggle("chosen", cell.dataset.status === chosen);
    for (const part of form.querySelectorAll("[data-words]")) {
      part.classList.toggle("hidden-choice", part.dataset.words !== chosen);
      if ("disabled" in part) part.disabled = part.dataset.words !== chosen;
    }
  });
}

// The menu of sections closes with Escape, and the focus returns.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#nav") location.hash = "#main";
});

// The minute of a firewall's trial: the kernel keeps it, the page only shows it, and says it at 60, 30 and 10 s.
const trial = document.querySelector("[data-trial]");
if (trial) {
  const ends = performance.now() + Number(trial.dataset.trial) * 1000;
  const told = trial.querySelector("[data-said]");
  trial.querySelector("h2").focus();
  const count = () => {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    trial.querySelector("[data-left]").textContent = String(left);
    trial.querySelector("circle.left").setAttribute("stroke-dasharray", `${left} 60`);
    if ([60, 30, 10].includes(left)) told.textContent = told.dataset.said.replace("{count}", String(left));
    if (left === 0) setTimeout(() => location.assign(trial.dataset.after), 1500);
    else setTimeout(count, 1000);
  };
  count();
}
