// Panel with the messages, newest first.

const FADING = 40; // more rows at once are not faded in, to avoid flicker
const CALM = 1000; // minimum ms between fade-ins: in a fast feed, rows would disappear before they are visible

class FeedPanel {
  constructor(context) {
    this.context = context;
    this.node = make("section", "rta-feed");
    this.list = make("div", "rta-list");
    this.list.setAttribute("role", "feed");
    this.list.setAttribute("aria-live", "off"); // screen readers should not read every new message
    this.list.setAttribute("aria-label", "Messages");
    this.list.tabIndex = 0;
    this.empty = make("div", "rta-empty");
    this.empty.append(icon("post"), make("p", "", "No messages yet."), make("small", "", "New messages appear here."));
    this.node.append(this.empty, this.list);
    this.rows = new Map();
    this.addedAt = -CALM;
    this.newest = 0; // time of the newest message
  }

  apply(patch, fresh) {
    for (const [source, look] of Object.entries(patch.looks)) this.context.looks.set(source, look);
    if (patch.reset) {
      this.newest = 0;
      this.rows.clear();
      this.list.replaceChildren();
    }
    for (const id of patch.removed) this.drop(id);
    for (const row of patch.changed) {
      const old = this.rows.get(row.id);
      if (!old) continue;
      const next = this.build(row);
      old.node.replaceWith(next.node);
      this.rows.set(row.id, next);
    }
    if (patch.added.length > 0) {
      const now = performance.now();
      this.add(patch.added, fresh && patch.added.length <= FADING && now - this.addedAt >= CALM);
      this.addedAt = now;
      for (const row of patch.added) this.newest = Math.max(this.newest, Date.parse(row.created));
    }
    this.trim(patch.cap);
    const filtered = patch.filter.text || patch.filter.sources.length > 0;
    this.empty.hidden = this.rows.size > 0;
    this.empty.children[1].textContent = filtered && patch.counters.total ? "No message matches the filter." : "No messages yet.";
    this.empty.children[2].hidden = Boolean(filtered && patch.counters.total);
  }

  add(added, fading) {
    const built = [];
    for (const row of added) {
      this.drop(row.id);
      const next = this.build(row);
      if (fading) next.node.classList.add("rta-fresh");
      this.rows.set(row.id, next);
      built.push(next);
    }
    const newest = this.list.firstElementChild;
    const top = newest ? Number(newest.dataset.n) : -1;
    const above = document.createDocumentFragment();
    for (const next of built) {
      if (Number(next.node.dataset.n) > top) above.append(next.node);
      else this.insert(next.node);
    }
    this.list.prepend(above);
  }

  // Insert a row that is older than others, such as one that comes back after a filter.
  insert(node) {
    const n = Number(node.dataset.n);
    for (const other of this.list.children) {
      if (Number(other.dataset.n) < n) {
        other.before(node);
        return;
      }
    }
    this.list.append(node);
  }

  drop(id) {
    const old = this.rows.get(id);
    if (old) {
      old.node.remove();
      this.rows.delete(id);
    }
  }

  trim(cap) {
    while (this.list.childElementCount > cap) {
      const last = this.list.lastElementChild;
      this.rows.delete(last.rtaId);
      last.remove();
    }
  }

  build(row) {
    const look = this.context.looks.get(row.source) || { ...PLAIN_LOOK, label: row.source };
    const node = make("article", "rta-row");
    node.dataset.n = row.n;
    node.rtaId = row.id;
    node.style.setProperty("--h", look.hue);
    const face = make("span", "rta-face", initials(row.author));
    face.setAttribute("aria-hidden", "true");
    const badge = make("span", "rta-badge");
    badge.append(icon(look.icon));
    face.append(badge);
    const body = make("div", "rta-body");
    const by = make("div", "rta-by");
    const author = make("bdi", "rta-author", row.author || "unknown");
    by.append(author);
    if (row.handle && row.handle !== row.author) by.append(make("bdi", "rta-handle", `@${row.handle}`));
    if (row.type === "repost" || row.type === "reply") by.append(icon(row.type));
    const source = make("bdi", "rta-source", look.label);
    source.title = row.source;
    const time = make("time", "rta-time");
    time.dateTime = row.created;
    const posted = Date.parse(row.created);
    time.title = this.context.clock.full.format(posted);
    by.append(source, make("span", "rta-gap"));
    if (row.edited) by.append(make("span", "rta-edited", "edited"));
    by.append(time);
    body.append(by);
    const titled = row.title && !row.text.startsWith(row.title);
    if (titled) {
      const title = linked(row.url, row.title, "rta-headline");
      title.dir = "auto";
      body.append(title);
    }
    if (row.text) body.append(prose(row.text, "rta-text"));
    const text = (row.text || "").toLowerCase();
    const tags = row.tags.filter((tag) => !text.includes(`#${tag.toLowerCase()}`));
    if (tags.length) {
      const list = make("div", "rta-tags");
      for (const tag of tags) list.append(make("bdi", "rta-tag", `#${tag}`));
      body.append(list);
    }
    if (row.url && !titled) {
      // the time is the link to the original message
      const way = linked(row.url, "", "rta-way");
      time.replaceWith(way);
      way.append(time);
    }
    node.append(face, body);
    const built = { node, time, posted };
    this.date(built);
    return built;
  }

  date({ time, posted }) {
    const { clock } = this.context;
    const ago = clock.ago(posted);
    const text = ago.endsWith("d") || !ago ? clock.at(posted) : `${ago} · ${clock.at(posted)}`;
    if (time.textContent !== text) time.textContent = text;
  }

  tick() {
    this.context.heading.setNewest(this.newest);
    for (const built of this.rows.values()) this.date(built);
  }
}
