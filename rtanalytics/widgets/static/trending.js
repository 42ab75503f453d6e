// Panel with the topics of the newest bin, by rank.

const BINS = 10; // bars of a sparkline
const CHANGES = { new: "new", up: "up", down: "down", same: "–" };

class TrendingPanel {
  constructor(context) {
    this.context = context;
    this.node = make("section", "rta-panel rta-trends");
    const head = make("div", "rta-panel-head");
    this.span = make("span", "rta-panel-note");
    head.append(make("h3", "", "Trending"), this.span);
    this.list = make("ol", "rta-topics");
    this.empty = make("p", "rta-none", "The first trends appear when the first bin is complete.");
    this.earlier = make("div", "rta-earlier");
    this.node.append(head, this.empty, this.list, this.earlier);
    this.earlier.hidden = true;
  }

  apply(patch) {
    const { clock } = this.context;
    for (const [source, look] of Object.entries(patch.looks)) this.context.looks.set(source, look);
    const focused = this.list.contains(document.activeElement) ? document.activeElement.rtaId : null;
    this.span.textContent = patch.start
      ? `as of ${clock.at(Date.parse(patch.end))} · since ${clock.short.format(Date.parse(patch.start))}`
      : "";
    this.span.title = patch.start ? `${number(patch.messages)} messages in this bin` : "";
    this.empty.hidden = patch.topics.length > 0;
    this.empty.textContent = patch.start
      ? patch.messages ? "No topic stands out in this bin." : "Nobody posted in this bin."
      : "The first trends appear when the first bin is complete.";
    const most = Math.max(1, ...patch.topics.flatMap((topic) => topic.spark.slice(-BINS)));
    this.list.replaceChildren(...patch.topics.map((topic) => this.topic(topic, most)));
    this.earlier.hidden = patch.earlier.length === 0;
    this.earlier.replaceChildren(make("span", "rta-panel-note", "Earlier"));
    for (const topic of patch.earlier) {
      const old = this.word(topic.label, "rta-old");
      old.append(make("small", "", clock.at(Date.parse(topic.end))));
      this.earlier.append(old);
    }
    if (focused) for (const node of this.list.querySelectorAll("button")) if (node.rtaId === focused) node.focus();
  }

  // In the dashboard, a topic is a button that filters the messages.
  word(label, name) {
    const asks = this.context.draws.includes("feed");
    const node = make(asks ? "button" : "span", name);
    node.append(make("bdi", "", label));
    if (asks) {
      node.type = "button";
      node.title = "Show messages about this topic";
      node.addEventListener("click", () => this.context.heading.ask(label));
    }
    return node;
  }

  topic(topic, most) {
    const node = make("li", "rta-topic");
    node.dataset.change = topic.change;
    node.title = topic.why;
    const rank = make("span", "rta-rank", topic.rank);
    const body = make("div", "rta-topic-body");
    const line = make("div", "rta-topic-line");
    const label = this.word(topic.label, "rta-topic-label");
    label.rtaId = topic.id;
    line.append(label, this.change(topic));
    body.append(line);
    const others = topic.terms.filter((term) => term !== topic.label);
    if (others.length) {
      const list = make("div", "rta-terms");
      for (const term of others) list.append(make("bdi", "", term));
      body.append(list);
    }
    if (topic.rank <= 2 && topic.quotes.length) body.append(this.quote(topic.quotes[0]));
    body.append(this.facts(topic));
    node.append(rank, body, this.spark(topic.spark, most));
    return node;
  }

  change(topic) {
    const node = make("span", "rta-change");
    node.dataset.change = topic.change;
    if (topic.change === "up" || topic.change === "down") node.append(icon(topic.change), String(Math.abs(topic.moved)));
    else node.append(CHANGES[topic.change]);
    node.title = { new: "New in this bin", up: "Up", down: "Down", same: "Same rank as in the previous bin" }[topic.change];
    return node;
  }

  quote(row) {
    const node = make("blockquote", "rta-quote");
    const text = make("bdi", "", row.text || row.title);
    node.append(text);
    if (row.author) node.append(make("cite", "", row.author));
    return node;
  }

  facts(topic) {
    const facts = make("div", "rta-facts");
    const fact = (picture, text, title) => {
      const node = make("span", "rta-fact");
      node.title = title;
      node.append(icon(picture), make("bdi", "", text));
      facts.append(node);
    };
    fact("post", number(topic.messages), `${number(topic.messages)} messages in this bin`);
    if (topic.authors) fact("people", number(topic.authors), `by ${number(topic.authors)} people`);
    facts.append(this.sources(topic.sources));
    if (topic.talk) fact("talk", "talk", `about the talk “${topic.talk}”`);
    return facts;
  }

  spark(all, most) {
    const values = all.slice(-BINS);
    const [wide, high, base] = [76, 26, 24];
    const svg = drawn("svg", { viewBox: `0 0 ${wide} ${high}`, class: "rta-spark", role: "img" });
    svg.setAttribute("aria-label", `Messages in the last ${values.length} bins: ${values.join(", ")}`);
    const slots = BINS;
    const width = wide / slots;
    values.forEach((value, i) => {
      const tall = value ? Math.max(2, (value / most) * (base - 2)) : 1;
      svg.append(
        drawn("rect", {
          x: (wide - (values.length - i) * width + width * 0.15).toFixed(2),
          y: (base - tall).toFixed(2),
          width: (width * 0.7).toFixed(2),
          height: tall.toFixed(2),
          rx: 0.8,
          class: i === values.length - 1 ? "rta-bar rta-last" : value ? "rta-bar" : "rta-bar rta-zero",
        }),
      );
    });
    return svg;
  }

  // Sources of a topic, by number of messages.
  sources(sources) {
    const list = make("span", "rta-topic-sources");
    const ordered = Object.entries(sources).sort((a, b) => b[1] - a[1]);
    for (const [source] of ordered.slice(0, 5)) {
      const look = this.context.looks.get(source) || PLAIN_LOOK;
      const one = make("span");
      one.style.setProperty("--h", look.hue);
      one.append(icon(look.icon));
      list.append(one);
    }
    list.title = ordered.map(([source, count]) => `${source}: ${number(count)}`).join("\n");
    return list;
  }

  tick() {}
}
