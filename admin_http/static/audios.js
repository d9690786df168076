// Listening with the waveform, and sending a file with its progress. Without a script, links and the form do it.
const player = new Audio();
player.preload = "none";
let playing = null;

function time(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function show(link, on) {
  const row = link.closest("[data-audio]");
  const label = link.querySelector("span");
  label.dataset.text ??= label.textContent;
  label.textContent = on ? link.dataset.stop : label.dataset.text;
  link.querySelector("use").setAttribute("href", link.querySelector("use").getAttribute("href").replace(/#\w+$/, on ? "#bars" : "#play"));
  link.setAttribute("aria-pressed", String(on));
  const text = row?.querySelector("[data-time]");
  if (!text) return;
  text.dataset.text ??= text.textContent;
  if (!on) {
    text.textContent = text.dataset.text;
    row.querySelector(".played")?.removeAttribute("stroke-dasharray");
  }
}

function stop() {
  player.pause();
  if (playing) show(playing, false);
  playing = null;
}

player.addEventListener("ended", stop);
player.addEventListener("error", stop);
player.addEventListener("timeupdate", () => {
  const row = playing?.closest("[data-audio]");
  if (!row || !player.duration) return;
  const text = row.querySelector("[data-time]");
  text.textContent = `${time(player.currentTime)} / ${text.dataset.text}`;
  const played = row.querySelector(".played");
  if (!played) return;
  const whole = played.getTotalLength();
  played.setAttribute("stroke-dasharray", `${(whole * player.currentTime) / player.duration} ${whole}`);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-play]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const same = link === playing;
  stop();
  if (same) return;
  player.src = link.href;
  playing = link;
  show(link, true);
  player.play().catch(stop);
});

function take(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const bar = form.querySelector("[data-progress]");
    const text = bar.querySelector("[data-progress-text]");
    const button = form.querySelector("button.primary");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", (sent) => {
      const share = sent.total ? Math.round((100 * sent.loaded) / sent.total) : 0;
      bar.querySelector("progress").value = share;
      text.textContent = share < 100 ? `${text.dataset.sending} · ${share} %` : `${text.dataset.converting}…`;
    });
    const over = () => {
      bar.hidden = true;
      button.disabled = false;
    };
    request.addEventListener("load", () => {
      const next = request.response?.querySelector("#main");
      if (request.status < 300 || !next) {
        location.assign(request.responseURL || "/audios");
        return;
      }
      stop();
      document.querySelector("#main").replaceWith(document.adoptNode(next));
      take(document.querySelector("[data-upload]"));
      (document.querySelector("#upload [aria-invalid]") ?? document.querySelector("#main")).focus();
    });
    request.addEventListener("error", over);
    request.addEventListener("abort", over);
    bar.querySelector("[data-stop-upload]").addEventListener("click", () => request.abort(), { once: true });
    bar.hidden = false;
    button.disabled = true;
    request.send(new FormData(form));
  });
}

for (const form of document.querySelectorAll("[data-upload]")) take(form);
