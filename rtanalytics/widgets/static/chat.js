// Chat panel: rooms as tabs, lines in the middle, users on the right, an input below.

const RANK_NAMES = { "~": "owner", "&": "admin", "@": "operator", "%": "half-operator", "+": "voice" };
const RANK_ORDER = "~&@%+";
const RESEND = 4000; // milliseconds without an answer after which a line is sent again, with the same key
const SPOKEN = new Set(["message", "action", "notice"]);

const HAPPENED = {
  join: () => "joined",
  part: () => "left",
  quit: () => "quit",
  kick: (line) => `removed ${line.to}`,
  nick: (line) => `is now known as ${line.to}`,
  topic: (line) => (!line.nick ? "The topic is" : line.text ? "set the topic:" : "removed the topic"),
  mode: () => "set",
  gap: () => "lines may be missing here:",
  error: () => "",
};

class ChatPanel {
  constructor(context) {
    this.context = context;
    this.node = make("section", "rta-chat");
    this.tabs = make("div", "rta-tabs");
    this.tabs.setAttribute("role", "tablist");
    this.tabs.setAttribute("aria-label", "Rooms");
    this.topic = make("div", "rta-room-topic");
    this.topic.dir = "auto";
    this.list = make("div", "rta-lines");
    this.list.setAttribute("role", "log");
    this.list.setAttribute("aria-label", "Lines");
    this.list.tabIndex = 0;
    this.empty = make("div", "rta-empty");
    this.empty.append(icon("chat"), make("p", "", "No rooms yet."), make("small", "", "Rooms appear here when someone writes in them."));
    this.people = make("aside", "rta-people");
    this.people.setAttribute("aria-label", "People in this room");
    this.form = make("form", "rta-write");
    this.me = make("bdi", "rta-me");
    this.input = make("input");
    this.input.type = "text";
    this.input.autocomplete = "off";
    this.input.maxLength = 4000;
    this.input.setAttribute("aria-label", "Write a line");
    this.note = make("div", "rta-note");
    this.note.setAttribute("role", "status");
    this.note.hidden = true;
    this.form.append(this.me, this.input);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.write();
    });
    // single keys are shortcuts of the notebook
    this.form.addEventListener("keydown", (event) => event.stopPropagation());
    this.node.append(this.tabs, this.topic, this.list, this.empty, this.people, this.note, this.form);
    this.rooms = new Map(); // key: {name, lines: Map(id: {line, node}), users: Map(nick: user), ...}
    this.order = [];
    this.active = "";
    this.unconfirmed = new Map();
    this.stopped = false;
    this.kernelNote = "";
  }

  apply(patch) {
    if (patch.reset) this.rooms.clear();
    const kept = new Set(patch.rooms.map((room) => room.key));
    for (const key of [...this.rooms.keys()]) if (!kept.has(key)) this.rooms.delete(key);
    for (const room of patch.rooms) {
      const held = this.rooms.get(room.key) || { lines: new Map(), users: new Map() };
      held.room = room;
      this.rooms.set(room.key, held);
    }
    this.order = patch.rooms.map((room) => room.key);
    this.cap = patch.cap;
    const before = this.active;
    if (patch.active && patch.active !== this.asked) this.active = patch.active;
    if (patch.active === this.asked) this.asked = "";
    if (!this.rooms.has(this.active)) this.active = this.busiest();
    const moved = patch.reset || before !== this.active;
    const low = this.atEnd();
    for (const [key, ids] of Object.entries(patch.removed)) this.remove(key, ids);
    for (const [key, lines] of Object.entries(patch.lines)) this.add(key, lines, key === this.active && !moved);
    for (const [key, nicks] of Object.entries(patch.gone)) for (const nick of nicks) this.rooms.get(key)?.users.delete(nick);
    for (const [key, users] of Object.entries(patch.users)) for (const user of users) this.rooms.get(key)?.users.set(user.nick, user);
    if (patch.heard) this.unconfirmed.delete(patch.heard);
    this.me.textContent = patch.me;
    this.form.hidden = !patch.writable;
    this.kernelNote = patch.note;
    this.showNote();
    if (moved) this.show();
    else {
      if (low) this.toEnd();
      if (patch.users[this.active] || patch.gone[this.active]) this.drawPeople();
    }
    this.drawHeads();
    // the kernel counts unread lines
    if (patch.active !== this.active && this.active && !this.asked) this.look(this.active);
  }

  busiest() {
    // without a selection, show the room with most lines and not the first in the alphabet
    const rooms = this.order.map((key) => this.rooms.get(key).room);
    return rooms.reduce((best, room) => (!best || room.total > best.total ? room : best), null)?.key || "";
  }

  look(key) {
    this.asked = key;
    this.context.send({ kind: "room", room: key });
  }

  choose(key) {
    if (!this.rooms.has(key)) return;
    this.active = key;
    this.look(key);
    this.show();
    this.drawHeads();
    if (!this.form.hidden) this.input.focus();
  }

  atEnd() {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 30;
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  show() {
    const room = this.rooms.get(this.active);
    this.list.replaceChildren();
    if (room) for (const held of this.sorted(room)) this.list.append((held.node = this.build(held.line)));
    this.toEnd();
    this.drawPeople();
  }

  sorted(room) {
    const at = (held) => (held.line.n === null ? Infinity : held.line.n);
    return [...room.lines.values()].sort((a, b) => (at(a) === at(b) ? 0 : at(a) - at(b)));
  }

  remove(key, ids) {
    const room = this.rooms.get(key);
    if (!room) return;
    for (const id of ids) {
      room.lines.get(id)?.node?.remove();
      room.lines.delete(id);
    }
  }

  add(key, lines, shown) {
    const room = this.rooms.get(key);
    if (!room) return;
    for (const line of lines) {
      const old = room.lines.get(line.id);
      const held = { line, node: null };
      room.lines.set(line.id, held);
      if (!shown) {
        old?.node?.remove();
        continue;
      }
      held.node = this.build(line);
      if (old?.node?.isConnected) old.node.replaceWith(held.node);
      else if (line.n === null) this.list.append(held.node);
      else this.place(held.node, line.n);
    }
  }

  // Insert a line before pending and later lines.
  place(node, n) {
    let next = null;
    for (let other = this.list.lastElementChild; other; other = other.previousElementSibling) {
      if (other.dataset.n !== "" && Number(other.dataset.n) < n) break;
      next = other;
    }
    this.list.insertBefore(node, next);
  }

  build(line) {
    const node = make("div", `rta-line rta-line-${SPOKEN.has(line.type) ? "message" : "event"}`);
    node.dataset.n = line.n === null ? "" : line.n;
    node.dataset.type = line.type;
    if (line.state) node.dataset.state = line.state;
    if (line.mention) node.classList.add("rta-mention");
    if (line.mine) node.classList.add("rta-mine");
    const time = make("time", "rta-time");
    const at = Date.parse(line.time);
    if (!Number.isNaN(at)) {
      time.dateTime = line.time;
      time.textContent = this.context.clock.short.format(at);
      time.title = this.context.clock.full.format(at);
    }
    const nick = make("bdi", "rta-nick", line.nick);
    nick.style.setProperty("--h", line.hue);
    const body = make("div", "rta-message");
    body.dir = "auto";
    if (line.type === "message" || line.type === "notice") {
      body.append(prose(line.text, "rta-words"));
    } else {
      // events and /me are sentences that begin with the nick
      if (line.nick) body.append(nick.cloneNode(true), " ");
      const word = HAPPENED[line.type]?.(line);
      if (word) body.append(`${word} `);
      if (line.text) {
        const bracketed = ["part", "quit", "kick"].includes(line.type);
        const text = line.type === "nick" || line.type === "join" ? "" : line.text;
        if (text) body.append(prose(bracketed ? `(${text})` : text, "rta-words"));
      }
      nick.textContent = line.type === "action" ? "✱" : line.type === "error" ? "!" : "·";
    }
    if (line.state) {
      const mark = make("span", "rta-mark-state", { pending: "sending …", late: "not confirmed", failed: "not sent" }[line.state]);
      mark.title = line.why;
      body.append(" ", mark);
      if (line.state === "failed") {
        const key = line.id.slice("pending:".length);
        body.append(make("span", "rta-why", line.why));
        const again = button("rta-again", "Edit and send again", "", () => {
          this.input.value = line.text;
          this.input.focus();
          this.context.send({ kind: "forget", room: this.active, key });
        });
        again.textContent = "write again";
        const away = button("rta-again", "Remove this line", "", () => this.context.send({ kind: "forget", room: this.active, key }));
        away.textContent = "dismiss";
        body.append(again, away);
      }
    }
    node.append(time, nick, body);
    return node;
  }

  drawHeads() {
    this.empty.hidden = this.order.length > 0;
    this.list.hidden = this.people.hidden = this.order.length === 0;
    const old = new Map([...this.tabs.children].map((tab) => [tab.dataset.key, tab]));
    const focused = this.tabs.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const tabs = this.order.map((key) => {
      const { room } = this.rooms.get(key);
      const tab = old.get(key) || this.tab(key);
      tab.firstElementChild.textContent = room.name;
      const chosen = key === this.active;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const count = tab.lastElementChild;
      const unread = chosen ? 0 : room.unread;
      count.hidden = !unread;
      count.textContent = number(unread);
      count.title = `${number(unread)} unread`;
      tab.classList.toggle("rta-named", !chosen && room.mentions > 0);
      return tab;
    });
    if (tabs.length !== this.tabs.childElementCount || tabs.some((tab, n) => this.tabs.children[n] !== tab)) {
      this.tabs.replaceChildren(...tabs);
      if (focused) tabs.find((tab) => tab.dataset.key === focused)?.focus();
    }
    const room = this.rooms.get(this.active)?.room;
    const topic = room?.topic || "";
    if (this.topic.dataset.text !== topic) {
      this.topic.dataset.text = topic;
      this.topic.replaceChildren(prose(topic, "rta-topic-text"));
    }
    this.topic.hidden = !topic;
    this.topic.title = room?.topic_by ? `set by ${room.topic_by}` : "";
    this.input.placeholder = room ? `Write to ${room.name}` : "/join #room";
  }

  tab(key) {
    const tab = button("rta-tab", "", "", () => this.choose(key));
    tab.removeAttribute("aria-label");
    tab.removeAttribute("title");
    tab.dataset.key = key;
    tab.setAttribute("role", "tab");
    tab.append(make("bdi", "rta-tab-name"), make("b", "rta-unread"));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.stopPropagation();
      const next = this.order[(this.order.indexOf(key) + step + this.order.length) % this.order.length];
      this.choose(next);
      [...this.tabs.children].find((other) => other.dataset.key === next)?.focus();
    });
    return tab;
  }

  drawPeople() {
    const room = this.rooms.get(this.active);
    const users = room ? [...room.users.values()] : [];
    const rank = (user) => (user.rank ? RANK_ORDER.indexOf(user.rank) : 9);
    users.sort((a, b) => rank(a) - rank(b) || a.nick.toLowerCase().localeCompare(b.nick.toLowerCase()));
    const list = make("ul", "rta-users");
    for (const user of users.slice(0, 1000)) {
      const item = make("li", "rta-user");
      item.style.setProperty("--h", user.hue);
      const mark = make("span", "rta-user-rank", user.rank);
      if (user.rank) mark.title = RANK_NAMES[user.rank];
      item.append(mark, make("bdi", "rta-nick", user.nick));
      list.append(item);
    }
    const head = make("div", "rta-people-head", users.length === 1 ? "1 person" : `${number(users.length)} people`);
    const at = this.people.scrollTop;
    this.people.replaceChildren(...(users.length ? [head, list] : [make("div", "rta-people-head", "no users known")]));
    this.people.scrollTop = at;
  }

  write() {
    const text = this.input.value;
    if (!text.trim()) return;
    if (this.stopped) {
      this.showNote();
      return;
    }
    const key = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.input.value = "";
    this.unconfirmed.set(key, text);
    this.submit(key, text, this.active);
    this.toEnd();
  }

  // Send a line again until the kernel confirms it; the kernel ignores repeated keys.
  submit(key, text, room) {
    if (!this.unconfirmed.has(key) || this.stopped) return;
    this.context.send({ kind: "write", key, room, text });
    setTimeout(() => this.submit(key, text, room), RESEND);
  }

  silent(stopped) {
    if (stopped === this.stopped) return;
    this.stopped = stopped;
    // put unconfirmed text back into the input
    if (stopped && this.unconfirmed.size && !this.input.value) this.input.value = [...this.unconfirmed.values()].join(" ");
    if (stopped) this.unconfirmed.clear();
    this.showNote();
  }

  showNote() {
    const text = this.stopped ? "The kernel has stopped. Run the cell again to write." : this.kernelNote;
    this.note.textContent = text || "";
    this.note.hidden = !text;
  }

  tick() {}
}
