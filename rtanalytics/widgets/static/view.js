// Receives the messages of the kernel and lets the panels draw them, once per frame.
//
// The kernel numbers its patches. A front end with all patches shows exactly the state of the kernel; one
// that starts late, or missed a patch, sends "hello" and receives the complete state. Until then it draws
// the patches that arrive, because the kernel may be busy with a long cell.

const SILENCE = 16000; // milliseconds; an open view sends a message at least every 5 s
const GONE = { state: "failed", label: "no answer", detail: "the kernel has stopped or was restarted (run the cell again)" };
const PANELS = { feed: FeedPanel, trends: TrendingPanel, talks: TalksPanel, chat: ChatPanel };

function render({ model, el }) {
  const draws = model.get("draws");
  const root = make("div", "rta");
  const inner = make("div", "rta-inner");
  root.append(inner);
  const context = {
    model,
    draws,
    looks: new Map(), // appearance of sources
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
  if (panels.chat) main.append(panels.chat.node);
  if (panels.trends) side.append(panels.trends.node);
  if (panels.talks) {
    // next to other panels, the talks are a strip above them, so that all current talks are visible
    if (draws.length > 1) inner.append(panels.talks.node);
    else side.append(panels.talks.node);
    panels.talks.node.classList.toggle("rta-strip", draws.length > 1);
  }
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
  let ticked = 0;
  let heard = performance.now();
  let status = null;
  let gone = false;

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
        complete = true; // received from the beginning
      }
    } else {
      if (complete && message.v > have) {
        complete = false;
        tries = 0;
        hello();
      }
      return;
    }
    have = Math.max(have, message.v);
    const fresh = message.kind === "patch";
    if (message.clock) context.clock.set(message.clock);
    if (message.status) setStatus((status = message.status));
    if (message.replay && context.heading.play) context.heading.setReplay(message.replay);
    for (const name of ["feed", "talks", "trends", "chat"]) if (message[name] && panels[name]) panels[name].apply(message[name], fresh);
    if (message.feed) context.heading.setFeed(message.feed);
    if (message.clock && performance.now() - ticked > 400) tick();
  }

  function setStatus(next) {
    root.dataset.state = next.state;
    context.heading.setStatus(next);
  }

  function listen() {
    const silent = performance.now() - heard > SILENCE && status && status.state !== "stopped";
    if (silent !== gone && status) setStatus(silent ? GONE : status);
    if (panels.chat) panels.chat.silent(silent);
    gone = silent;
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
    // a hidden tab gets no animation frames; draw anyway, so that the queue stays short
    if (document.hidden) setTimeout(draw, 200);
    else requestAnimationFrame(draw);
  }

  function onMessage(content) {
    heard = performance.now();
    if (gone) listen();
    queue.push(content);
    if (queue.length > 100) draw();
    else plan();
  }

  function tick() {
    ticked = performance.now();
    context.heading.tick(context.clock);
    for (const panel of Object.values(panels)) panel.tick();
  }

  model.on("msg:custom", onMessage);
  const ticking = setInterval(() => {
    tick();
    listen();
  }, 5000);
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
