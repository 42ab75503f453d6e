// Panel with the current talks, their progress, and the next talks.

class TalksPanel {
  constructor(context) {
    this.context = context;
    this.node = make("section", "rta-panel rta-talks");
    this.now = this.list("On now");
    this.next = this.list("Next");
    this.cards = new Map();
  }

  list(heading) {
    const head = make("div", "rta-panel-head");
    const note = make("span", "rta-panel-note");
    head.append(make("h3", "", heading), note);
    const list = make("ul", "rta-talk-list");
    const empty = make("p", "rta-none");
    const group = make("div", "rta-talk-group");
    group.append(head, empty, list);
    this.node.append(group);
    return { list, empty, note };
  }

  apply(patch) {
    const kept = new Map();
    const card = (talk) => {
      const known = this.cards.get(talk.id) || this.build(talk);
      this.cards.delete(talk.id);
      kept.set(talk.id, known);
      this.update(known, talk, Date.parse(patch.moment));
      return known.node;
    };
    this.fill(this.now.list, patch.now.map(card));
    this.fill(this.next.list, patch.next.map(card));
    this.cards = kept;
    this.now.empty.hidden = patch.now.length > 0;
    this.now.empty.textContent = "No talk at the moment.";
    this.next.empty.hidden = patch.next.length > 0;
    this.next.empty.textContent = patch.total ? "No further talks." : "The schedule is empty.";
    this.rooms = patch.now.length;
    this.tick();
  }

  // Keep existing nodes in place: reinserted progress bars would jump instead of move.
  fill(list, nodes) {
    for (const node of [...list.children]) if (!nodes.includes(node)) node.remove();
    nodes.forEach((node, i) => {
      if (list.children[i] !== node) list.insertBefore(node, list.children[i] || null);
    });
  }

  build(talk) {
    const node = make("li", "rta-talk");
    const head = make("div", "rta-talk-head");
    const when = make("span", "rta-when");
    const left = make("span", "rta-left");
    head.append(when);
    if (talk.room) head.append(make("bdi", "rta-room", talk.room));
    head.append(make("span", "rta-gap"), left);
    const title = linked(talk.url, talk.title, "rta-talk-title");
    title.dir = "auto";
    title.title = [talk.title, ...talk.speakers].join("\n");
    node.append(head, title);
    if (talk.speakers.length) node.append(make("bdi", "rta-speakers", talk.speakers.join(", ")));
    const track = make("div", "rta-progress");
    const bar = make("div");
    track.append(bar);
    track.setAttribute("role", "progressbar");
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", "100");
    track.setAttribute("aria-label", "Progress of the talk");
    node.append(track);
    return { node, when, left, track, bar };
  }

  update(card, talk, moment) {
    const { clock } = this.context;
    const [start, end] = [Date.parse(talk.start), Date.parse(talk.end)];
    const on = start <= moment && moment < end;
    card.when.textContent = on ? `${clock.short.format(start)} – ${clock.short.format(end)}` : this.when(start, moment);
    const minutes = Math.ceil(((on ? end : start) - moment) / 60000);
    const duration = minutes < 90 ? `${minutes} min` : minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : "";
    card.left.textContent = duration && on ? `${duration} left` : "";
    card.when.title = duration && !on ? `in ${duration}` : "";
    card.node.classList.toggle("rta-on", on);
    card.track.hidden = !on;
    card.bar.style.transform = `scaleX(${talk.progress})`;
    card.track.setAttribute("aria-valuenow", String(Math.round(talk.progress * 100)));
  }

  when(start, moment) {
    const { clock } = this.context;
    return (start - moment > 16 * 3600e3 ? clock.line : clock.short).format(start);
  }

  tick() {
    const { clock } = this.context;
    const rooms = this.rooms > 1 ? `${this.rooms} rooms · ` : "";
    this.now.note.textContent = `${rooms}as of ${clock.short.format(clock.now())}`;
  }
}
