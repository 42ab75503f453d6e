// Helpers of all panels. Text from outside becomes text nodes, never markup.
// The files of this folder are joined into one module, in the order given in base.py.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  post: ["M4 5h16v11h-9l-5 4v-4H4z"],
  chat: ["M9.5 4 7.5 20", "M16.5 4l-2 16", "M4 9h16", "M4 15h16"],
  feed: ["M5 12a7 7 0 0 1 7 7", "M5 5a14 14 0 0 1 14 14", "M5.5 18.5h.01"],
  code: ["M8 7l-5 5 5 5", "M16 7l5 5-5 5", "M13.5 5l-3 14"],
  photo: ["M3 5h18v14H3z", "M3 16l5-5 4 4 3-3 6 5", "M16 9h.01"],
  video: ["M3 6h12v12H3z", "M15 11l6-4v10l-6-4"],
  forum: ["M3 4h13v9H9l-4 3v-3H3z", "M19 9h2v9h-2v3l-3-3h-5v-2"],
  talk: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3", "M6 11a6 6 0 0 0 12 0", "M12 17v4"],
  people: ["M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7", "M3 20a6 6 0 0 1 12 0", "M16 4.5a3.5 3.5 0 0 1 0 6.5", "M18 14.5a6 6 0 0 1 3 5.5"],
  search: ["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13", "M15.5 15.5 20 20"],
  pause: ["M8 5v14", "M16 5v14"],
  play: ["M7 4.5v15l12-7.5z"],
  back: ["M11 6l-6 6 6 6", "M19 6l-6 6 6 6"],
  ahead: ["M13 6l6 6-6 6", "M5 6l6 6-6 6"],
  up: ["M12 19V6", "M6 11l6-6 6 6"],
  down: ["M12 5v13", "M6 13l6 6 6-6"],
  repost: ["M5 14V9a2 2 0 0 1 2-2h11", "M15 4l3 3-3 3", "M19 10v5a2 2 0 0 1-2 2H6", "M9 20l-3-3 3-3"],
  reply: ["M9 7l-5 5 5 5", "M4 12h10a6 6 0 0 1 6 6"],
};

function make(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

function drawn(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function icon(name) {
  const svg = drawn("svg", { viewBox: "0 0 24 24", class: "rta-icon", "aria-hidden": "true" });
  for (const d of ICONS[name] || ICONS.post) svg.append(drawn("path", { d }));
  return svg;
}

function button(name, label, picture, act) {
  const node = make("button", name);
  node.type = "button";
  node.title = label;
  node.setAttribute("aria-label", label);
  if (picture) node.append(icon(picture));
  node.addEventListener("click", act);
  return node;
}

// Only http and https URLs become links; the kernel checks this too.
function webAddress(url) {
  if (typeof url !== "string") return null;
  try {
    const parsed = new URL(url);
    return parsed.protocol === "http:" || parsed.protocol === "https:" ? parsed.href : null;
  } catch {
    return null;
  }
}

function linked(url, text, name) {
  const address = webAddress(url);
  const node = make(address ? "a" : "span", name, text);
  if (address) {
    node.href = address;
    node.rel = "noopener noreferrer";
    node.target = "_blank";
    node.referrerPolicy = "no-referrer";
  }
  return node;
}

const MARKED = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]'])|((?<![\p{L}\p{N}_/&])[#@][\p{L}\p{N}_][\p{L}\p{M}\p{N}_-]*)/gu;

// Plain text with URLs as links, and #tags and @names marked; the text is unchanged.
function prose(text, name) {
  const node = make("div", name);
  node.dir = "auto";
  let end = 0;
  for (const match of text.matchAll(MARKED)) {
    if (match.index > end) node.append(text.slice(end, match.index));
    node.append(match[1] ? linked(match[1], match[1], "rta-link") : make("span", "rta-mark", match[2]));
    end = match.index + match[0].length;
  }
  if (end < text.length) node.append(text.slice(end));
  return node;
}

const PLAIN_LOOK = { label: "?", hue: 250, icon: "post" };

function number(value) {
  return Number(value || 0).toLocaleString("en-US");
}

function initials(name) {
  const words = (name || "").match(/[\p{L}\p{N}]+/gu) || [];
  const first = (word) => Array.from(word)[0].toLocaleUpperCase();
  if (words.length === 0) return "·";
  return words.length === 1 ? first(words[0]) : first(words[0]) + first(words[words.length - 1]);
}

// Time of the view: the current time, or that of a replay.
class ViewClock {
  constructor(zone) {
    this.wall = true;
    this.moment = Date.now();
    const shared = { hourCycle: "h23", hour: "2-digit", minute: "2-digit", ...(zone ? { timeZone: zone } : {}) };
    this.short = new Intl.DateTimeFormat("en-GB", shared);
    this.dated = new Intl.DateTimeFormat("en-GB", { ...shared, day: "numeric", month: "short" });
    this.full = new Intl.DateTimeFormat("en-GB", {
      ...shared, second: "2-digit", weekday: "long", day: "numeric", month: "long", year: "numeric", timeZoneName: "short",
    });
    this.line = new Intl.DateTimeFormat("en-GB", { ...shared, weekday: "short", day: "numeric", month: "short" });
  }

  set(clock) {
    this.wall = clock.wall;
    this.moment = Date.parse(clock.now);
  }

  now() {
    return this.wall ? Date.now() : this.moment;
  }

  at(time) {
    const far = Math.abs(this.now() - time) > 20 * 3600e3;
    return (far ? this.dated : this.short).format(time);
  }

  ago(time) {
    const seconds = (this.now() - time) / 1000;
    if (seconds < -60) return "";
    if (seconds < 10) return "now";
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} d`;
  }
}
