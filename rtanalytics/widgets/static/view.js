// Takes the kernel's messages and lets the parts draw them, once a frame.
//
// The kernel numbers its patches. Whoever has them all shows exactly what the kernel holds; whoever
// begins late, or missed one, says hello and is sent everything. Until that comes it draws what it
// gets, because the kernel may be busy with a long cell.

const PANELS = { feed: FeedPanel, trends: TrendingPanel, talks: TalksPanel };

function render({ model, el }) {
  const draws = model.get("draws");
  const root = make("div", "rta");
  const inner = make("div", "rta-inner");
  root.append(inner);
  const context = {
    model,
    draws,
    looks: new Map(),
    clock: new ViewClock(model.get("timezone")),
    send: (content) => model.send(content),
  };
  context.heading = new Heading(context);
  inner.append(context.heading.node);
  const panels = {};
  for (const name of draws) panels[name] = new PANELS[name](context);
  const main = make("div", "rta-main");
  const side = make("div", "rta-side");
  if (panels.feed) main.append(panels.feed.node);
  for (const name of ["talks", "trends"]) if (panels[name]) side.append(panels[name].node);
  if (main.childElementCount) inner.append(main);
  if (side.childElementCount) inner.append(side);
  root.classList.toggle("rta-two", Boolean(main.childElementCount && side.childElementCount));
  root.classList.toggle("rta-bare", draws.length === 0);
  if (model.get("height")) inner.style.height = `${model.get("height")}px`;
  el.append(root);

  let have = 0;
  let complete = false;
  let queue = [];
  let planned = false;
  let tries = 0;
  let asking;

  function hello() {
    clearTimeout(asking);
    if (complete || tries > 60) return;
    model.send({ kind: "hello" });
    tries += 1;
    asking = setTimeout(hello, Math.min(10000, 1000 * tries));
  }

  function take(message) {
    if (message.kind === "state") {
      if (complete && message.v <= have) return;
      complete = true;
    } else if (message.kind === "patch") {
      if (complete && message.v <= have) return;
      const next = message.v === have + 1;
      if (complete && !next) {
        complete = false;
        tries = 0;
        hello();
      } else if (next && have === 0) {
        complete = true; // here from the beginning
      }
    } else {
      return;
    }
    have = Math.max(have, message.v);
    const fresh = message.kind === "patch";
    if (message.clock) context.clock.set(message.clock);
    if (message.status) {
      root.dataset.state = message.status.state;
      context.heading.setStatus(message.status);
    }
    if (message.replay && context.heading.play) context.heading.setReplay(message.replay);
    for (const name of draws) if (message[name]) panels[name].apply(message[name], fresh);
    if (message.feed) context.heading.setFeed(message.feed);
    if (message.clock) tick();
  }

  function draw() {
    planned = false;
    const messages = queue;
    queue = [];
    for (const message of messages) take(message);
  }

  function plan() {
    if (planned) return;
    planned = true;
    // a hidden tab gets no frames; its queue must not grow for as long as it is hidden
    if (document.hidden) setTimeout(draw, 200);
    else requestAnimationFrame(draw);
  }

  function onMessage(content) {
    queue.push(content);
    if (queue.length > 100) draw();
    else plan();
  }

  function tick() {
    context.heading.tick(context.clock);
    for (const panel of Object.values(panels)) panel.tick();
  }

  model.on("msg:custom", onMessage);
  const ticking = setInterval(tick, 5000);
  tick();
  hello();

  return () => {
    model.off("msg:custom", onMessage);
    clearInterval(ticking);
    clearTimeout(asking);
    queue = [];
    root.remove();
  };
}

export default { render };
