// The editor of a firewall's rules: what a rule says in words, countries by name, the order by hand and by keyboard.
const fold = (text) => text.normalize("NFKD").replace(/\p{Mark}/gu, "").toLowerCase();

// In words: follows what is typed; a rule that would be refused says why.
for (const told of document.querySelectorAll("[data-sentence]")) {
  const form = told.closest("form");
  let waiting;
  let asked = 0;
  const tell = async () => {
    const mine = ++asked;
    const query = new URLSearchParams(new FormData(form));
    query.delete("csrf");
    const answer = await fetch(`${told.dataset.sentence}?${query}`, { headers: { "X-Background": "1" }, redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine === asked) told.replaceChildren(...page.body.childNodes);
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => tell().catch(() => {}), 250);
  });
}

// Countries: found by name or code while one types; ticking writes the origin, and the origin ticks.
for (const picker of document.querySelectorAll("[data-countries]")) {
  const origins = picker.closest("form").elements.origins;
  const rows = [...picker.querySelectorAll("label[data-find]")];
  const none = picker.querySelector("[data-none]");
  const written = () => origins.value.split(/[,;\s]+/).filter(Boolean);
  const code = (text) => (/^(country:)?[a-z]{2}$/i.test(text) ? `country:${text.slice(-2).toUpperCase()}` : text);
  const tick = () => {
    const named = new Set(written().map(code));
    for (const row of rows) row.firstElementChild.checked = named.has(row.firstElementChild.value);
  };
  for (const row of rows) row.dataset.find = fold(row.dataset.find);
  origins.addEventListener("input", tick);
  picker.addEventListener("change", ({ target }) => {
    if (target.type !== "checkbox") return;
    const rest = written().filter((text) => code(text) !== target.value);
    origins.value = (target.checked ? [...rest, target.value] : rest).join(", ");
    origins.dispatchEvent(new Event("input", { bubbles: true }));
  });
  picker.querySelector("[type=search]").addEventListener("input", (event) => {
    event.stopPropagation();
    const wanted = fold(event.target.value.trim());
    for (const row of rows) row.hidden = !row.dataset.find.includes(wanted);
    none.hidden = rows.some((row) => !row.hidden);
  });
  picker.querySelector("[type=search]").addEventListener("keydown", (event) => {
    const shown = rows.filter((row) => !row.hidden);
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (shown.length > 0) shown[0].firstElementChild.click();
  });
  tick();
}

// Order: a row is drawn by its grip, or moved with the arrow keys; Enter keeps it there, Escape puts it back.
for (const body of document.querySelectorAll("[data-order]")) {
  const form = document.getElementById(body.dataset.order);
  const said = document.getElementById(body.dataset.told);
  const rows = () => [...body.querySelectorAll("tr[data-rule]")];
  let held = null;
  let drawn = false;
  let first = [];

  const take = (row) => {
    if (held === row) return;
    if (held) back();
    held = row;
    first = rows();
    row.classList.add("held");
  };
  const back = () => {
    const focused = document.activeElement;
    const end = rows().at(-1).nextElementSibling;
    for (const row of first) body.insertBefore(row, end);
    held.classList.remove("held");
    held = null;
    if (body.contains(focused)) focused.focus();
  };
  const tell = () => {
    said.textContent = said.dataset.words.replace("{place}", String(rows().indexOf(held) + 1)).replace("{count}", String(first.length));
  };
  const shift = (row, step) => {
    take(row);
    const now = rows();
    const other = now[now.indexOf(row) + step];
    if (!other) return;
    if (step < 0) other.before(row);
    else other.after(row);
    row.querySelector("[data-grip]").focus();
    tell();
  };
  const keep = () => {
    if (!held) return;
    const now = rows().indexOf(held);
    if (now === first.indexOf(held)) {
      back();
      return;
    }
    form.elements.rule.value = held.dataset.rule;
    form.elements.number.value = first[now].dataset.number;
    held = null;
    form.requestSubmit();
  };

  for (const grip of body.querySelectorAll("[data-grip]")) {
    const row = grip.closest("tr");
    grip.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step) shift(row, step);
      else if (event.key === "Enter" || event.key === " ") keep();
      else if (event.key === "Escape" && held) back();
      else return;
      event.preventDefault();
    });
    grip.addEventListener("blur", () => setTimeout(() => held === row && !drawn && document.activeElement !== grip && back(), 0));
    const draw = (event) => {
      if (held !== row) return;
      const over = document.elementsFromPoint(innerWidth / 2, event.clientY).find((part) => part.matches?.("tr[data-rule] *"))?.closest("tr");
      if (!over || over === row || !body.contains(over)) return;
      const middle = over.getBoundingClientRect();
      const above = rows().indexOf(over) < rows().indexOf(row);
      if (above ? event.clientY < middle.bottom - 4 : event.clientY > middle.top + 4) {
        if (above) over.before(row);
        else over.after(row);
        tell();
      }
    };
    // A row that is put elsewhere loses the pointer: the whole page follows it.
    const drop = (event) => {
      drawn = false;
      document.removeEventListener("pointermove", draw);
      document.removeEventListener("pointerup", drop);
      document.removeEventListener("pointercancel", drop);
      if (event.type === "pointerup") keep();
      else if (held === row) back();
    };
    grip.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drawn = true;
      take(row);
      document.addEventListener("pointermove", draw);
      document.addEventListener("pointerup", drop);
      document.addEventListener("pointercancel", drop);
    });
  }
  const moved = location.hash.startsWith("#rule-") && document.getElementById(location.hash.slice(1));
  // After the browser has gone to the fragment, which takes the focus.
  if (moved) addEventListener("load", () => requestAnimationFrame(() => moved.querySelector("[data-grip]")?.focus()));
}
