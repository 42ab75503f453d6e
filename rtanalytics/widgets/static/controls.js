// Heading of a view: title, status, time and counters; source chips, text filter, pause; replay controls.

const SAMPLED = 20000; // milliseconds for which the mark stays after messages were skipped
const SPEEDS = [1, 5, 10, 30, 60, 120, 300, 600, 1800, "max"];

class Heading {
  constructor(context) {
    this.context = context;
    this.node = make("header", "rta-head");
    const top = make("div", "rta-top");
    this.title = make("div", "rta-title", context.model.get("title"));
    this.status = make("span", "rta-status");
    this.status.setAttribute("role", "status");
    this.dot = make("span", "rta-dot");
    this.word = make("span", "rta-word");
    this.status.append(this.dot, this.word);
    this.detail = make("span", "rta-detail");
    this.time = make("span", "rta-now");
    this.counters = make("span", "rta-counters");
    this.total = make("b", "rta-total", "0");
    this.rest = make("span", "rta-rest");
    this.sampled = make("span", "rta-sampled", "sampled");
    this.sampled.hidden = true;
    if (this.title.textContent) top.append(this.title);
    top.append(this.status, this.time, this.detail, make("span", "rta-gap"));
    if (context.model.get("replays")) top.append(this.replayBar());
    if (context.draws.includes("feed")) {
      this.newest = make("span", "rta-rest rta-newest");
      this.counters.append(this.total, make("span", "rta-rest", " events"), this.rest, this.newest);
      top.append(this.sampled, this.counters);
    }
    this.node.append(top);
    if (context.draws.includes("feed")) this.node.append(this.filters());
    this.chips = new Map();
  }

  filters() {
    const bar = make("div", "rta-filters");
    this.sources = make("div", "rta-chips");
    this.sources.setAttribute("role", "group");
    this.sources.setAttribute("aria-label", "Sources");
    const search = make("label", "rta-search");
    this.text = make("input");
    this.text.type = "search";
    this.text.placeholder = "Filter messages";
    this.text.setAttribute("aria-label", "Filter messages by words");
    this.text.maxLength = 200;
    search.append(icon("search"), this.text);
    let waiting;
    this.text.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.context.send({ kind: "filter", text: this.text.value }), 150);
    });
    bar.append(this.sources, search);
    if (!this.context.model.get("replays")) {
      this.pause = button("rta-button rta-pause", "Pause", "pause", () =>
        this.context.send({ kind: this.paused ? "resume" : "pause" }),
      );
      bar.append(this.pause);
    }
    return bar;
  }

  replayBar() {
    const bar = make("span", "rta-replay");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Replay");
    const send = (action, value) => this.context.send({ kind: "replay", action, value });
    this.play = button("rta-button rta-play", "Pause the replay", "pause", () => send(this.playing ? "pause" : "resume"));
    this.speed = make("select", "rta-speed");
    this.speed.setAttribute("aria-label", "Speed of the replay");
    for (const speed of SPEEDS) this.speedOption(speed);
    this.speed.addEventListener("change", () => {
      send("speed", this.speed.value === "max" ? "max" : Number(this.speed.value));
    });
    bar.append(
      button("rta-button rta-back", "Back one hour", "back", () => send("jump", -3600)),
      this.play,
      button("rta-button rta-ahead", "Ahead one hour", "ahead", () => send("jump", 3600)),
      this.speed,
    );
    return bar;
  }

  speedOption(speed) {
    const option = make("option", "", speed === "max" ? "max" : `×${speed}`);
    option.value = String(speed);
    this.speed.append(option);
  }

  setStatus(status) {
    this.status.dataset.state = status.state;
    this.word.textContent = status.label;
    this.detail.textContent = status.detail || "";
    this.detail.title = status.detail || "";
  }

  setReplay(replay) {
    this.playing = replay.playing;
    const label = replay.playing ? "Pause the replay" : "Play the replay";
    this.play.title = label;
    this.play.setAttribute("aria-label", label);
    this.play.replaceChildren(icon(replay.playing ? "pause" : "play"));
    const value = String(replay.speed);
    if (!Array.from(this.speed.options).some((option) => option.value === value)) this.speedOption(replay.speed);
    if (document.activeElement !== this.speed) this.speed.value = value;
  }

  tick(clock) {
    this.time.textContent = clock.line.format(clock.now());
  }

  setNewest(time) {
    const ago = time ? this.context.clock.ago(time) : "";
    this.newest.textContent = ago && ago !== "now" ? ` · last ${ago} ago` : "";
  }

  setFeed(patch) {
    const { counters } = patch;
    this.total.textContent = number(counters.total);
    const rest = [];
    if (counters.edits) rest.push(`${number(counters.edits)} edited`);
    if (counters.deletes) rest.push(`${number(counters.deletes)} deleted`);
    if (counters.muted) rest.push(`${number(counters.muted)} muted`);
    if (patch.waiting) rest.push(`${number(patch.waiting)} waiting`);
    this.rest.textContent = rest.map((word) => ` · ${word}`).join("");
    if (patch.sampled || patch.reset) {
      this.sampled.hidden = !patch.skipped;
      clearTimeout(this.calm);
      this.calm = setTimeout(() => (this.sampled.hidden = true), SAMPLED);
    }
    this.sampled.title = `${number(patch.skipped)} messages were too fast to be drawn; the counters include them`;
    this.setChips(counters.sources, patch.filter);
    if (this.pause && patch.paused !== this.paused) {
      this.paused = patch.paused;
      const label = patch.paused ? "Resume" : "Pause";
      this.pause.title = label;
      this.pause.setAttribute("aria-label", label);
      this.pause.setAttribute("aria-pressed", String(patch.paused));
      this.pause.replaceChildren(icon(patch.paused ? "play" : "pause"));
    }
    if (document.activeElement !== this.text) this.text.value = patch.filter.text;
  }

  setChips(counts, filter) {
    const chosen = new Set(filter.sources);
    for (const [source, chip] of this.chips) {
      if (!(source in counts)) {
        chip.node.remove();
        this.chips.delete(source);
      }
    }
    for (const [source, count] of Object.entries(counts)) {
      const look = this.context.looks.get(source) || { ...PLAIN_LOOK, label: source };
      let chip = this.chips.get(source);
      if (!chip || chip.look.label !== look.label) {
        const next = this.chip(source, look);
        if (chip) chip.node.replaceWith(next.node);
        else this.sources.append(next.node);
        this.chips.set(source, (chip = next));
      }
      chip.count.textContent = number(count);
      chip.node.setAttribute("aria-pressed", String(chosen.has(source)));
      chip.node.classList.toggle("rta-dim", chosen.size > 0 && !chosen.has(source));
    }
    this.chosen = chosen;
  }

  chip(source, look) {
    const node = button("rta-chip", `Only ${look.label}`, look.icon, () => {
      const next = new Set(this.chosen);
      if (!next.delete(source)) next.add(source);
      this.context.send({ kind: "filter", sources: [...next] });
    });
    node.style.setProperty("--h", look.hue);
    node.removeAttribute("aria-label");
    const count = make("b", "", "0");
    node.append(make("span", "rta-chip-name", look.label), count);
    node.title = source;
    return { node, count, look };
  }

  // A topic was clicked: show its messages; a second click, or an empty text, shows all messages.
  ask(text) {
    this.text.value = this.text.value === text ? "" : text;
    this.context.send({ kind: "filter", text: this.text.value });
  }
}
