"use strict";
// The page of `negbuild review`. It shows what the log of verdicts says: a verdict counts once the server has written
// it, and until then it is only marked as being saved. All text comes in through textContent.
(() => {
  const $ = (id) => document.getElementById(id);
  const grid = $("grid"), space = $("space"), band = $("band"), large = $("large"), chooser = $("chooser");
  const filters = $("filters");
  const VERDICT = { k: "keep", d: "drop", u: "unsure", m: "move", c: "duplicate" };
  const LETTER = Object.fromEntries(Object.entries(VERDICT).map(([letter, verdict]) => [verdict, letter]));
  const SAID = { k: "kept", d: "dropped", u: "unsure", m: "moved", c: "duplicate" };
  const TWIN = 1, CONTRARY = 2, SUSPICIOUS = 4, ASIDE = 8;
  const NAME_DIGITS = 16, MARGIN_ROWS = 3, POLL = 2000;
  const number = (n) => n.toLocaleString("en");
  const counted = (n, one = "picture") => `${number(n)} ${one}${n === 1 ? "" : "s"}`;

  // ------------------------------------------------------------------ what is known

  let table = null;            // the columns of `layout`
  let names = [], place = new Map();
  let verdicts = [];           // letters, as the log has them
  let moved = [];              // the category that a moved picture belongs to
  const saving = new Map();    // pictures whose verdict is under way: {letter, category}
  let last = 0;                // row of the log up to which we know it
  let view = [];               // pictures shown, in order
  let at = 0;                  // the one with the frame: its place in the view
  let anchor = 0;
  let selected = new Set();    // pictures
  let counts = { pictures: 0, decided: 0 };

  const verdictOf = (pic) => saving.get(pic)?.letter ?? verdicts[pic];
  const movedTo = (pic) => (saving.has(pic) ? saving.get(pic).category : moved[pic]);
  const categoryOf = (pic) => movedTo(pic) || table.categories[table.category[pic]];
  const roleOf = (pic) => table.roles[table.categories.indexOf(categoryOf(pic))];
  const flagged = (pic, flag) => (parseInt(table.flags[pic], 16) & flag) !== 0;
  const saidOf = (pic) => {
    const letter = verdictOf(pic);
    return letter === "-" ? "" : letter === "m" ? `moved to ${movedTo(pic)}` : SAID[letter];
  };

  async function load() {
    const [columns, changes] = await Promise.all([ask("layout"), ask("changes?since=0")]);
    table = columns;
    names = Array.from({ length: table.category.length }, (_, i) => table.names.substr(i * NAME_DIGITS, NAME_DIGITS));
    place = new Map(names.map((name, pic) => [name, pic]));
    verdicts = new Array(names.length).fill("-");
    moved = new Array(names.length).fill("");
    fillChoices("category", table.categories);
    fillChoices("source", table.sources);
    take(changes);
  }

  function fillChoices(name, values) {
    const select = filters.elements[name], had = select.value;
    select.replaceChildren(select.options[0], ...values.map((value) => new Option(value, value)));
    select.value = values.includes(had) ? had : "";
  }

  function take(update) {
    last = Math.max(last, update.last);
    for (const [name, letter, category] of update.changes) {
      const pic = place.get(name);
      if (pic !== undefined) [verdicts[pic], moved[pic]] = [letter, category];
    }
    $("undo").disabled = !update.undo;
    $("redo").disabled = !update.redo;
    if (update.changes.length) draw();
    progress();
    tellNews(update);
  }

  function progress() {
    let pictures = 0, decided = 0;
    for (let pic = 0; pic < names.length; pic++) {
      if (verdicts[pic] === "-" && flagged(pic, ASIDE)) continue;
      pictures++;
      if (verdicts[pic] !== "-") decided++;
    }
    counts = { pictures, decided };
    $("bar").max = Math.max(1, pictures);
    $("bar").value = decided;
    const text = `${number(decided)} of ${number(pictures)} decided`;
    if ($("decided").textContent !== text) $("decided").textContent = text;
  }

  function tellNews(update) {
    const more = update.pictures - names.length, better = update.complete && !table.complete;
    $("news").hidden = !(more > 0 || better);
    $("news").textContent = more > 0 ? `Show ${counted(more, "new picture")}` : "The order is complete: list anew";
  }

  // ------------------------------------------------------------------ the server

  async function ask(path, body) {
    const how = body === undefined
      ? {}
      : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ since: last, ...body }) };
    let answer;
    try {
      answer = await fetch(path, how);
    } catch {
      throw new Error("negbuild does not answer any more; start it again and open the address that it prints");
    }
    if (!answer.ok) throw new Error((await answer.text()).trim() || `the server says ${answer.status}`);
    return answer.json();
  }

  let line = Promise.resolve();  // what is written goes one after the other, in the order of the keys
  const inLine = (work) => (line = line.then(work, work));

  function decide(verdict, category = "", pics = targets()) {
    if (!pics.length) return;
    const many = selected.size > 0 && !large.open;
    const mark = { letter: LETTER[verdict] ?? "-", category };
    for (const pic of pics) saving.set(pic, mark);
    if (many) afterSelection(pics); else step(1);
    draw();
    inLine(async () => {
      try {
        take(await ask("verdicts", { names: pics.map((pic) => names[pic]), verdict, category }));
        if (many) toast(`${counted(pics.length)}: ${category ? `moved to ${category}` : SAID[mark.letter]}`);
      } catch (error) {
        toast(`Not saved: ${counted(pics.length)}. ${error.message}`, true);
      }
      for (const pic of pics) if (saving.get(pic) === mark) saving.delete(pic);
      draw();
    });
  }

  const targets = () => (large.open ? [shown] : selected.size ? [...selected] : view.length ? [view[at]] : []);

  function afterSelection(pics) {
    const all = new Set(pics);
    let end = at;
    for (let i = 0; i < view.length; i++) if (all.has(view[i])) end = i;
    selected.clear();
    go(Math.min(end + 1, view.length - 1));
  }

  function move(pics = targets()) {
    const known = table.categories.filter((_, i) => table.roles[i] === "known");
    if (!pics.length) return;
    if (!known.length) return toast("There is no known category yet: negbuild add PATH --category NAME --role known", true);
    if (known.length === 1) return decide("move", known[0], pics);
    $("choices").replaceChildren(...known.map((name, i) => {
      const button = make("button", { type: "button" }, make("span", {}, name), i < 9 ? make("kbd", {}, String(i + 1)) : "");
      button.addEventListener("click", () => { chooser.close(); decide("move", name, pics); });
      return button;
    }));
    $("chooser-title").textContent = `Move ${counted(pics.length)} to`;
    chooser.showModal();
  }

  function travel(way) {
    inLine(async () => {
      try {
        const update = await ask(way, {});
        take(update);
        const pics = update.touched.map((name) => place.get(name)).filter((pic) => pic !== undefined), all = new Set(pics);
        if (!pics.length) return toast(`Nothing to ${way}`);
        const found = view.findIndex((pic) => all.has(pic));
        if (large.open) show(pics[0], found); else if (found >= 0) go(found);
        const what = pics.length === 1 ? table.titles[pics[0]] || "1 picture" : counted(pics.length);
        toast(`${way === "undo" ? "Undone" : "Done again"}: ${what}, ${saidOf(pics[0]) || "undecided"}`);
      } catch (error) {
        toast(`${way === "undo" ? "Not undone" : "Not done again"}. ${error.message}`, true);
      }
    });
  }

  async function poll() {
    if (!document.hidden && table) {
      try { take(await ask(`changes?since=${last}`)); } catch { /* the next verdict will say so */ }
    }
    setTimeout(poll, POLL);
  }

  // ------------------------------------------------------------------ what is shown

  const wish = (name) => filters.elements[name].value;

  function list({ keep = true } = {}) {
    const had = keep && view.length ? view[at] : -1;
    const total = names.length;
    const order = wish("order") === "queue" ? table.queue : Array.from({ length: total }, (_, i) => (wish("order") === "new" ? total - 1 - i : i));
    const verdict = wish("verdict"), look = wish("look"), category = wish("category"), role = wish("role");
    const source = table.sources.indexOf(wish("source"));
    const looks = {
      use: (pic) => !flagged(pic, ASIDE),
      suspicious: (pic) => flagged(pic, SUSPICIOUS),
      conflicts: (pic) => flagged(pic, CONTRARY),
      twins: (pic) => flagged(pic, TWIN),
      aside: (pic) => flagged(pic, ASIDE),
    };
    const fits = looks[look] ?? (() => true);
    view = order.filter((pic) =>
      fits(pic)
      && (!verdict || verdict.includes(verdictOf(pic)))
      && (!category || categoryOf(pic) === category)
      && (source < 0 || table.source[pic] === source)
      && (!role || (role === "negative" ? roleOf(pic) !== "known" : roleOf(pic) === role)));
    for (const select of filters.elements) select.classList.toggle("set", !select.options[0].selected);
    selected = new Set(view.filter((pic) => selected.has(pic)));
    at = anchor = Math.max(0, view.indexOf(had));
    $("empty").hidden = view.length > 0;
    $("empty").textContent = verdict === "-" && counts.decided === counts.pictures ? "All is decided." : "No picture is like that.";
    remember();
    measure();
  }

  function remember() {
    const kept = [...new FormData(filters)].filter(([name, value]) => value !== filters.elements[name].options[0].value);
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  }

  function recall() {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      const select = filters.elements[name];
      if (select && [...select.options].some((option) => option.value === value)) select.value = value;
    }
  }

  let columns = 1, cell = 100, row = 120, rows = 0;

  function measure() {
    const style = getComputedStyle(grid), rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width = grid.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    columns = Math.max(3, Math.floor(width / (width < 700 ? 116 : 178)));
    cell = width / columns;
    row = Math.round(cell + 1.5 * rem);
    rows = Math.ceil(view.length / columns);
    space.style.setProperty("--w", `${cell}px`);
    space.style.setProperty("--h", `${row}px`);
    space.style.height = `${rows * row}px`;
    reveal();
    draw();
  }

  const tiles = new Map();  // by place in the view
  const spare = [];
  let lastTop = 0, resting = 0, drawing = 0;

  function draw() {
    if (!drawing) drawing = requestAnimationFrame(() => { drawing = 0; paint(); });
  }

  function paint() {
    if (!table) return;
    const top = grid.scrollTop, height = grid.clientHeight;
    const fast = Math.abs(top - lastTop) > 2 * height;
    lastTop = top;
    const first = Math.max(0, Math.floor(top / row) - MARGIN_ROWS) * columns;
    const end = Math.min(view.length, (Math.ceil((top + height) / row) + MARGIN_ROWS) * columns);
    for (const [spot, tile] of tiles) {
      if ((spot < first || spot >= end) && spot !== at) {
        tiles.delete(spot);
        tile.remove();
        tile.image.removeAttribute("src");
        tile.pic = -1;
        spare.push(tile);
      }
    }
    for (let spot = first; spot < end; spot++) fill(spot, fast);
    if (view.length) {
      fill(at, fast);
      grid.setAttribute("aria-activedescendant", `t${at}`);
    } else grid.removeAttribute("aria-activedescendant");
    const of = `${number(view.length)} shown`;
    $("count").textContent = selected.size ? `${of} · ${number(selected.size)} selected` : of;
    if (large.open) drawLarge();
    clearTimeout(resting);
    if (fast) resting = setTimeout(draw, 90);  // pictures that only fly by are not asked for
  }

  function fill(spot, fast) {
    let tile = tiles.get(spot);
    if (!tile) {
      tile = spare.pop() ?? newTile();
      tiles.set(spot, tile);
      space.append(tile);
      tile.id = `t${spot}`;
      tile.setAttribute("aria-posinset", spot + 1);
    }
    const pic = view[spot];
    tile.setAttribute("aria-setsize", view.length);
    tile.style.transform = `translate(${(spot % columns) * cell}px, ${Math.floor(spot / columns) * row}px)`;
    if (tile.pic !== pic) {
      tile.pic = pic;
      tile.image.removeAttribute("src");
      tile.image.alt = table.titles[pic] || "picture without a title";
      tile.title = table.titles[pic];
    }
    if (!fast && !tile.image.hasAttribute("src")) tile.image.src = `thumbnail/${names[pic]}`;
    const verdict = VERDICT[verdictOf(pic)] ?? "";
    tile.className = ["tile", verdict, saving.has(pic) && "saving", spot === at && "focus"].filter(Boolean).join(" ");
    tile.setAttribute("aria-selected", selected.has(pic));
    tile.badge.hidden = !verdict;
    if (verdict) {
      tile.icon.setAttribute("href", `#i-${verdict}`);
      tile.said.textContent = saidOf(pic);
    }
    const contrary = flagged(pic, CONTRARY);
    tile.hint.hidden = !(contrary || flagged(pic, SUSPICIOUS | TWIN));
    tile.hint.classList.toggle("conflict", contrary);
    tile.hintIcon.setAttribute("href", contrary || flagged(pic, SUSPICIOUS) ? "#i-mark" : "#i-duplicate");
    tile.hint.title = contrary ? "a copy has another label" : flagged(pic, SUSPICIOUS) ? "suspicious" : "has a copy";
    tile.hintText.textContent = tile.hint.title;
    tile.category.textContent = categoryOf(pic);
  }

  function newTile() {
    const tile = make("div", { role: "option", class: "tile" });
    tile.image = make("img", { alt: "", draggable: "false", decoding: "async" });
    [tile.icon, tile.hintIcon] = [use(), use()];
    tile.said = make("span");
    tile.badge = make("span", { class: "badge" }, svg(tile.icon), tile.said);
    tile.hintText = make("span", { class: "unseen" });
    tile.hint = make("span", { class: "hint" }, svg(tile.hintIcon), tile.hintText);
    tile.category = make("span");
    tile.append(make("div", { class: "frame" }, tile.image, tile.badge, tile.hint), make("div", { class: "caption" }, tile.category));
    return tile;
  }

  const NS = "http://www.w3.org/2000/svg";
  const use = (icon) => { const one = document.createElementNS(NS, "use"); if (icon) one.setAttribute("href", `#i-${icon}`); return one; };
  const svg = (inner) => { const one = document.createElementNS(NS, "svg"); one.setAttribute("aria-hidden", "true"); one.append(inner); return one; };

  function make(tag, attributes = {}, ...children) {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    one.append(...children);
    return one;
  }

  function go(spot, { extend = false } = {}) {
    if (!view.length) return;
    at = Math.min(Math.max(spot, 0), view.length - 1);
    if (extend) selectRange(anchor, at); else anchor = at;
    reveal();
    draw();
  }

  const step = (by) => { if (large.open) showNext(by); else go(at + by); };

  function reveal() {
    const top = Math.floor(at / columns) * row;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + row > grid.scrollTop + grid.clientHeight - 8) grid.scrollTop = top + row - grid.clientHeight + 12;
  }

  function selectRange(one, other, base = new Set()) {
    selected = new Set(base);
    for (let spot = Math.min(one, other); spot <= Math.max(one, other); spot++) selected.add(view[spot]);
  }

  const toggle = (pic) => { if (!selected.delete(pic)) selected.add(pic); };

  // ------------------------------------------------------------------ pointer

  let pointer = "mouse", drag = null, dragged = false;

  const spotAt = (event) => {
    const tile = event.target.closest?.(".tile");
    return tile && tile.pic >= 0 ? parseInt(tile.id.slice(1), 10) : -1;
  };

  document.addEventListener("pointerdown", (event) => { pointer = event.pointerType || "mouse"; }, true);

  grid.addEventListener("click", (event) => {
    if (dragged) { dragged = false; return; }
    const spot = spotAt(event);
    if (spot < 0) { selected.clear(); draw(); return; }
    if (event.shiftKey) {
      at = spot;
      selectRange(anchor, spot, event.ctrlKey || event.metaKey ? selected : undefined);
    } else if (event.ctrlKey || event.metaKey || pointer !== "mouse") {
      toggle(view[spot]);
      at = anchor = spot;
    } else {
      selected = new Set([view[spot]]);
      at = anchor = spot;
    }
    draw();
  });

  grid.addEventListener("dblclick", (event) => { if (spotAt(event) >= 0 && pointer === "mouse") openLarge(); });

  grid.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.pointerType !== "mouse" || event.button !== 0 || event.offsetX > grid.clientWidth) return;
    const box = space.getBoundingClientRect();
    const add = event.shiftKey || event.ctrlKey || event.metaKey;
    drag = { x: event.clientX - box.left, y: event.clientY - box.top, base: add ? new Set(selected) : new Set(), event };
  });

  grid.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.event = event;
    if (!dragged) {
      const box = space.getBoundingClientRect();
      if (Math.hypot(event.clientX - box.left - drag.x, event.clientY - box.top - drag.y) < 6) return;
      dragged = true;
      band.hidden = false;
      grid.setPointerCapture(event.pointerId);  // not sooner: a click would lose its picture
      requestAnimationFrame(stretch);
    }
  });

  function stretch() {
    if (!drag || !dragged) return;
    const outer = grid.getBoundingClientRect(), { clientX, clientY } = drag.event;
    const over = Math.max(0, clientY - outer.bottom + 30) - Math.max(0, outer.top + 30 - clientY);
    if (over) grid.scrollTop += over / 2;
    const box = space.getBoundingClientRect();
    const x = Math.min(Math.max(clientX - box.left, 0), columns * cell), y = Math.min(Math.max(clientY - box.top, 0), rows * row);
    const [left, right, top, bottom] = [Math.min(x, drag.x), Math.max(x, drag.x), Math.min(y, drag.y), Math.max(y, drag.y)];
    band.style.transform = `translate(${left}px, ${top}px)`;
    band.style.width = `${right - left}px`;
    band.style.height = `${bottom - top}px`;
    selected = new Set(drag.base);
    const gap = 5;
    for (let r = Math.max(0, Math.floor((top + gap) / row)); r <= Math.min(rows - 1, Math.floor((bottom - gap) / row)); r++) {
      for (let c = Math.max(0, Math.floor((left + gap) / cell)); c <= Math.min(columns - 1, Math.floor((right - gap) / cell)); c++) {
        const spot = r * columns + c;
        if (spot < view.length) { selected.add(view[spot]); }
      }
    }
    draw();
    requestAnimationFrame(stretch);
  }

  const letGo = () => {
    if (drag && dragged && selected.size) at = anchor = Math.max(0, view.findIndex((pic) => selected.has(pic)));
    drag = null;
    band.hidden = true;
    draw();
  };
  grid.addEventListener("pointerup", letGo);
  grid.addEventListener("pointercancel", letGo);
  grid.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(() => { if (table) measure(); }).observe(grid);

  // ------------------------------------------------------------------ the large view

  let shown = -1, shownSpot = -1;

  function openLarge() {
    if (!view.length) return;
    large.showModal();
    large.focus();  // not its first button: Enter closes the view
    show(view[at], at);
  }

  function showNext(by) {
    const spot = Math.min(Math.max((shownSpot < 0 ? at : shownSpot) + by, 0), view.length - 1);
    go(spot);
    show(view[spot], spot);
  }

  async function show(pic, spot = view.indexOf(pic)) {
    if (pic === shown && large.open && $("facts").childElementCount) return drawLarge();
    [shown, shownSpot] = [pic, spot];
    if (spot >= 0) go(spot);
    $("picture").src = `picture/${names[pic]}`;
    $("picture").alt = table.titles[pic] || "picture without a title";
    $("facts").replaceChildren();
    drawLarge();
    try {
      const facts = await ask(`details/${names[pic]}`);
      if (shown !== pic) return;
      drawFacts(facts);
    } catch (error) {
      toast(error.message, true);
    }
    const next = view[spot + 1];
    if (spot >= 0 && next !== undefined) new Image().src = `picture/${names[next]}`;
  }

  function drawLarge() {
    if (shown < 0) return;
    const verdict = VERDICT[verdictOf(shown)] ?? "";
    $("place").textContent = shownSpot < 0 ? "" : `${number(shownSpot + 1)} of ${number(view.length)}`;
    const state = `${categoryOf(shown)} (${roleOf(shown)})${saidOf(shown) ? `: ${saidOf(shown)}` : ""}`;
    if ($("state").textContent !== state) $("state").textContent = state;
    $("state").className = verdict;
    for (const button of large.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", button.dataset.verdict === verdict);
  }

  const hostOf = (address) => { try { return new URL(address).host; } catch { return ""; } };  // anybody may have written it

  function drawFacts(facts) {
    const rows = [];
    const fact = (label, text, link) => {
      if (!text) return;
      const value = make("dd");
      value.append(link ? make("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, text) : text);
      rows.push(make("dt", {}, label), value);
    };
    fact("title", facts.title);
    fact("author", facts.author, facts.author_url);
    fact("licence", facts.license, facts.license_url);
    const host = hostOf(facts.page);
    fact("page", host || facts.page, host && facts.page);
    fact("source", facts.source);
    fact("query", facts.query);
    fact("size", facts.size);
    fact("SHA-256", facts.sha256.slice(0, 12));
    const parts = [];
    if (facts.why || facts.near) parts.push(section("Why look", make("p", {}, facts.why)));
    if (facts.near) parts.push(section(nearest(facts.near), others([facts.near], "near")));
    if (facts.copies.length) parts.push(section("Copies of it", others(facts.copies)));
    if (facts.keeper) parts.push(section("Set aside", make("p", {}, "dedup uses a better copy in its place")));
    parts.push(section("Where it comes from", make("dl", {}, ...rows)));
    $("facts").replaceChildren(...parts);
  }

  // Of a picture that is known itself, what is near is its copy with another label.
  const nearest = ({ category }) =>
    table.roles[table.categories.indexOf(category)] === "known" ? "Nearest known picture" : "Copy with another label";

  const section = (title, ...content) => make("section", {}, make("h3", {}, title), ...content);

  function others(copies, kind = "") {
    return make("div", { class: `others ${kind}` }, ...copies.map((copy) => {
      const text = `${copy.category}, ${copy.distance} ${copy.distance === 1 ? "bit" : "bits"} apart`;
      const button = make("button", { type: "button" }, make("img", { src: `thumbnail/${copy.name}`, alt: `${copy.category}: ${table.titles[place.get(copy.name)] ?? ""}` }), text);
      button.addEventListener("click", () => { if (place.has(copy.name)) show(place.get(copy.name)); });
      return button;
    }));
  }

  $("picture").addEventListener("load", () => {  // small ones are enlarged, but not to a blur
    $("picture").style.maxWidth = `${4 * $("picture").naturalWidth}px`;
    $("picture").style.maxHeight = `${4 * $("picture").naturalHeight}px`;
  });

  large.addEventListener("close", () => { shown = -1; $("picture").removeAttribute("src"); grid.focus(); draw(); });
  for (const dialog of [chooser, $("keys")]) dialog.addEventListener("close", () => { if (!large.open) grid.focus(); });

  // ------------------------------------------------------------------ keys and buttons

  const act = (verdict) => (verdict === "move" ? move() : decide(verdict));

  const KEYS = {
    k: () => act("keep"), d: () => act("drop"), u: () => act("unsure"), m: () => act("move"), c: () => act("duplicate"),
    z: () => travel("undo"), Z: () => travel("redo"), y: () => travel("redo"),
    "?": () => $("keys").showModal(),
    r: () => list(),
  };

  function jump(event) {
    const page = Math.max(1, Math.floor(grid.clientHeight / row)) * columns;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page,
      Home: -view.length, End: view.length }[event.key];
    if (by === undefined) return false;
    if (large.open) showNext(Math.sign(by) * (Math.abs(by) === view.length ? view.length : 1));
    else if (Math.abs(by) === columns && (at + by < 0 || at + by >= view.length && Math.floor(at / columns) === rows - 1)) return true;
    else go(at + by, { extend: event.shiftKey });
    return true;
  }

  document.addEventListener("keydown", (event) => {
    const onButton = event.target.closest?.("button, a");
    if (!table || event.target.closest?.("select, input")) {
      if (event.key === "Escape") grid.focus();
      return;
    }
    if (chooser.open) {
      const choice = $("choices").children[parseInt(event.key, 10) - 1];
      if (choice && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); choice.click(); }
      return;
    }
    if ($("keys").open || event.altKey) return;
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase();
      if (key === "a" && !large.open) { selected = new Set(view); draw(); }
      else if (key === "z") travel(event.shiftKey ? "redo" : "undo");
      else if (key === "y") travel("redo");
      else return;
    } else if ((event.key === "Enter" || event.key === " ") && onButton) return;
    else if (event.key === "Enter") { if (large.open) large.close(); else openLarge(); }
    else if (event.key === " ") { if (!large.open && view.length) { toggle(view[at]); draw(); } }
    else if (event.key === "Escape") { if (large.open) return; selected.clear(); draw(); }
    else if (KEYS[event.key] ?? KEYS[event.key.toLowerCase()]) {
      if (event.repeat && !"zyZY".includes(event.key)) return;  // a key that is held down decides once
      (KEYS[event.key] ?? KEYS[event.key.toLowerCase()])();
    } else if (!jump(event)) return;
    event.preventDefault();
  });

  for (const toolbar of document.querySelectorAll("[data-verdicts]")) {
    if (!toolbar.childElementCount) {
      for (const button of document.querySelectorAll("footer [data-verdict]")) toolbar.append(button.cloneNode(true));
    }
    toolbar.addEventListener("click", (event) => {
      const button = event.target.closest("[data-verdict]");
      if (button) act(button.dataset.verdict);
    });
  }
  $("undo").addEventListener("click", () => travel("undo"));
  $("redo").addEventListener("click", () => travel("redo"));
  $("open").addEventListener("click", openLarge);
  $("close").addEventListener("click", () => large.close());
  $("back").addEventListener("click", () => showNext(-1));
  $("on").addEventListener("click", () => showNext(1));
  $("help").addEventListener("click", () => $("keys").showModal());
  $("news").addEventListener("click", async () => { await start({ anew: true }); grid.focus(); });
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("change", () => {
    selected.clear();
    list({ keep: false });
    grid.scrollTop = 0;
    if (pointer === "mouse") grid.focus();  // else the next key would choose in the list
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Tab") pointer = "key"; }, true);

  window.addEventListener("beforeunload", (event) => { if (saving.size) event.preventDefault(); });

  let fading = 0;
  function toast(text, bad = false) {
    $("toast").textContent = text;
    $("toast").className = bad ? "on bad" : "on";
    clearTimeout(fading);
    fading = setTimeout(() => { $("toast").className = bad ? "bad" : ""; }, bad ? 12000 : 2600);
  }

  async function start({ anew = false } = {}) {
    try {
      await load();
      if (!anew) recall();
      list({ keep: anew });
    } catch (error) {
      $("empty").hidden = false;
      $("empty").textContent = error.message;
    }
  }

  start().then(() => { grid.focus(); poll(); });
})();
