"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100;
  const HEAT_PAGE = 30;
  const RANK = { info: 0, low: 1, medium: 2, high: 3, critical: 4 };
  const MEANING = ["no use", "1 use", "2 to 10 uses", "11 to 100 uses", "more than 100 uses"];
  const word = (number) => data.words[number];
  const byId = (id) => document.getElementById(id);

  const keys = data.keys.map((row) => ({
    id: row[0], name: row[1], outside: row[2], owner: word(row[3]), source: word(row[4]), state: word(row[5]),
    usage: word(row[6]), created: row[7], age: row[8], lastUsed: row[9], idle: row[10], uses: row[11],
    services: word(row[12]), found: 0, worst: null,
  }));
  const findings = data.findings.map((row) => ({
    key: keys[row[0]], rule: word(row[1]), severity: word(row[2]), status: word(row[3]), isNew: row[4] === 1,
    told: row[5], evidence: row[6], remedy: word(row[7]).replaceAll("\0", keys[row[0]].id),
  }));
  const isFound = (each) => each.status === "open" || each.status === "waived";
  for (const finding of findings) {
    if (finding.status !== "open") continue;
    finding.key.found += 1;
    if (finding.key.worst === null || RANK[finding.severity] > RANK[finding.key.worst]) {
      finding.key.worst = finding.severity;
    }
  }

  const make = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const draw = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  const counted = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
  const days = (value) => (value === null ? "unknown" : `${grouped(Math.floor(value))} d`);
  const day = (moment, otherwise) =>
    moment === null ? otherwise : make("time", { datetime: moment }, moment.slice(0, 10));
  const linkTo = (table, terms, label, ...children) => {
    const attributes = { href: `#${table}`, "data-filter": String(new URLSearchParams(terms)) };
    if (label) attributes["aria-label"] = label;
    return make("a", attributes, ...children);
  };

  const findingRow = (each) => {
    const first = make("td", {}, make("span", { class: `badge ${isFound(each) ? each.severity : "quiet"}` }, each.severity));
    if (each.status !== "open") first.append(make("span", { class: "mark" }, each.status));
    if (each.isNew) first.append(make("span", { class: "mark" }, "new"));
    const said = make("td", {}, make("b", {}, each.rule), make("p", {}, each.told));
    if (each.evidence.length) {
      const noun = each.evidence.length === 1 ? "Event" : "Events";
      said.append(make("small", {}, `${noun} ${each.evidence.join(", ")}`));
    }
    if (each.remedy) said.append(make("code", {}, each.remedy));
    return make("tr", {}, first,
      make("th", { scope: "row" }, linkTo("keys", { key: each.key.id }, null, each.key.name),
        make("small", { title: each.key.id }, each.key.id.slice(0, 8)),
        make("small", { class: "narrow" }, each.key.owner)),
      make("td", { class: "wide" }, each.key.owner), said);
  };

  const keyRow = (key) => {
    const head = make("th", { scope: "row" }, key.name, make("small", { title: key.id }, key.id.slice(0, 8)));
    if (key.outside) head.append(make("small", {}, key.outside));
    head.append(make("small", { class: "narrow" }, key.owner));
    const count = make("td", { class: "n" });
    if (key.worst) {
      const label = `${counted(key.found, "finding")} on it`;
      const link = linkTo("findings", { key: key.id, status: "open" }, label, String(key.found));
      count.append(make("span", { class: `badge ${key.worst}` }, link));
    } else {
      count.append("0");
    }
    return make("tr", {}, head,
      make("td", { class: "wide" }, key.owner),
      make("td", {}, key.state, make("small", {}, key.usage)),
      make("td", { class: "n" }, days(key.age), make("small", {}, day(key.created, "unknown"))),
      make("td", { class: "n" }, days(key.idle), make("small", {}, day(key.lastUsed, "never used"))),
      make("td", { class: "n wide" }, key.uses === null ? "some" : grouped(key.uses)),
      make("td", { class: "wide" }, key.services), count);
  };

  const within = (value, limits) => {
    const [low, high] = limits.split("..");
    return value !== null && value >= Number(low) && (high === "" || value < Number(high));
  };
  const contains = (query, ...texts) => {
    const wanted = query.toLowerCase();
    return texts.some((text) => text.toLowerCase().includes(wanted));
  };
  const findingTests = {
    q: (each, value) => contains(value, each.key.name, each.key.id, each.rule, each.told, each.key.owner, each.key.outside),
    severity: (each, value) => (value === "urgent" ? RANK[each.severity] >= RANK.high : each.severity === value),
    rule: (each, value) => each.rule === value,
    owner: (each, value) => each.key.owner === value,
    status: (each, value) => (value === "new" ? each.isNew : each.status === value),
    key: (each, value) => each.key.id === value,
  };
  const keyTests = {
    q: (key, value) => contains(value, key.name, key.id, key.outside, key.owner, key.services),
    owner: (key, value) => key.owner === value,
    state: (key, value) => key.state === value,
    usage: (key, value) =>
      value === "idle" ? key.state === "active" && (key.usage === "unused" || key.usage === "never-used") : key.usage === value,
    source: (key, value) => key.source === value,
    found: (key, value) => (value === "open") === key.found > 0,
    age: (key, value) => within(key.age, value),
    idle: (key, value) => within(key.idle, value),
    key: (key, value) => key.id === value,
  };
  const findingOrders = {
    severity: [(each) => (isFound(each) ? -RANK[each.severity] : 1)], name: [(each) => each.key.name, (each) => each.key.id],
    owner: [(each) => each.key.owner], rule: [(each) => each.rule],
  };
  const last = (value) => (value === null ? -1 : value);
  const keyOrders = {
    name: [(key) => key.name, (key) => key.id], owner: [(key) => key.owner], state: [(key) => key.state, (key) => key.usage],
    age: [(key) => last(key.age)], idle: [(key) => last(key.idle)], uses: [(key) => last(key.uses)],
    services: [(key) => key.services], found: [(key) => key.found, (key) => (key.worst ? RANK[key.worst] : -1)],
  };
  const compare = (orders, sign) => (one, other) => {
    for (const order of orders) {
      const [a, b] = [order(one), order(other)];
      if (a < b) return -sign;
      if (a > b) return sign;
    }
    return 0;
  };

  class List {
    constructor(name, noun, rows, build, tests, orders, sorted) {
      Object.assign(this, { name, noun, rows, build, tests, orders, terms: {}, shown: PAGE, sorted });
      this.table = byId(`${name}-table`);
      this.form = byId(`${name}-controls`);
      this.count = byId(`${name}-count`);
      this.more = byId(`${name}-more`);
      this.headings();
      for (const kind of ["input", "change"]) this.form.addEventListener(kind, () => this.read());
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.form.querySelector("[data-action=clear]").addEventListener("click", () => this.filter({}));
      this.more.querySelector("[data-action=more]").addEventListener("click", () => this.extend(this.shown + 2 * PAGE));
      this.more.querySelector("[data-action=all]").addEventListener("click", () => this.extend(Infinity));
      this.found = rows;
      this.tell();
    }

    headings() {
      for (const heading of this.table.querySelectorAll("[data-sort]")) {
        const button = make("button", { type: "button" }, ...heading.childNodes);
        heading.append(button);
        if (heading.dataset.sort === this.sorted[0]) heading.setAttribute("aria-sort", this.sorted[1]);
        button.addEventListener("click", () => this.sort(heading));
      }
    }

    sort(heading) {
      const was = heading.getAttribute("aria-sort");
      const numeric = heading.classList.contains("n");
      const direction = was ? (was === "ascending" ? "descending" : "ascending") : numeric ? "descending" : "ascending";
      for (const other of this.table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction);
      this.rows = [...this.rows].sort(compare(this.orders[heading.dataset.sort], direction === "ascending" ? 1 : -1));
      this.apply();
    }

    read() {
      const terms = {};
      for (const field of this.form.elements) if (field.name && field.value) terms[field.name] = field.value;
      this.terms = terms;
      this.apply();
    }

    filter(terms) {
      for (const field of this.form.elements) if (field.name) field.value = terms[field.name] || "";
      this.terms = terms;
      this.apply();
    }

    apply() {
      const terms = Object.entries(this.terms);
      this.found = this.rows.filter((row) => terms.every(([name, value]) => this.tests[name](row, value)));
      this.extend(PAGE);
    }

    extend(shown) {
      this.shown = Math.min(shown, Math.max(this.found.length, PAGE));
      this.table.tBodies[0].replaceChildren(...this.found.slice(0, this.shown).map(this.build));
      this.tell();
    }

    tell() {
      const shown = Math.min(this.shown, this.found.length);
      const hidden = Object.entries(this.terms).filter(([name]) => !this.form.elements.namedItem(name));
      const extra = hidden.map(([name, value]) => `${name} ${value.replace(/^(.*)\.\.$/, "$1 d or more").replace("..", " to under ")}`);
      const total = Object.keys(this.terms).length ? `, of ${grouped(this.rows.length)}` : "";
      this.count.textContent =
        `Showing ${grouped(shown)} of ${counted(this.found.length, this.noun)}${total}${extra.length ? ` (${extra.join(", ")})` : ""}.`;
      this.form.querySelector("[data-action=clear]").hidden = !Object.keys(this.terms).length;
      this.more.hidden = shown >= this.found.length;
    }
  }

  const lists = {
    findings: new List("findings", byId("findings-table").dataset.noun, findings, findingRow, findingTests, findingOrders, ["severity", "ascending"]),
    keys: new List("keys", "key", keys, keyRow, keyTests, keyOrders, ["name", "ascending"]),
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter]");
    if (!link) return;
    const name = link.getAttribute("href").slice(1);
    lists[name].filter(Object.fromEntries(new URLSearchParams(link.dataset.filter)));
    event.preventDefault();
    const section = byId(name);
    section.scrollIntoView();
    section.focus({ preventScroll: true });
  });

  const unpack = (text) => {
    const levels = new Array(data.days).fill(0);
    for (let pair = 0; pair < text.length; pair += 1) {
      const code = text.charCodeAt(pair) - 65;
      levels[2 * pair] = Math.floor(code / 5);
      if (2 * pair + 1 < data.days) levels[2 * pair + 1] = code % 5;
    }
    return levels;
  };
  const strip = ([, text, born, marked, , told]) => {
    const drawing = draw("svg", {
      viewBox: `0 0 ${data.days} 10`, preserveAspectRatio: "none", role: "img", "aria-label": told,
    });
    const title = draw("title", {});
    title.textContent = told;
    drawing.append(title, draw("rect", { class: "ground", x: born, width: data.days - born, height: 10 }));
    const levels = unpack(text);
    for (let level = 1; level <= 4; level += 1) {
      let path = "";
      levels.forEach((each, at) => { if (each === level) path += `M${at} 0h.8v10h-.8z`; });
      if (path) drawing.append(draw("path", { class: `h${level}`, d: path }));
    }
    if (marked >= 0) drawing.append(draw("path", { class: "mark", d: `M${marked - 1} 0h3l-1.5 10z` }));
    return drawing;
  };
  const heatRow = (row) => {
    const key = keys[row[0]];
    const short = key.name.startsWith("arn:") ? key.name.slice(key.name.lastIndexOf(":") + 1) : key.name;
    const link = linkTo("keys", { key: key.id }, null, short);
    return make("tr", {}, make("th", { scope: "row", title: key.name }, link),
      make("td", { class: "n" }, days(key.idle)), make("td", { class: "strip" }, strip(row)),
      make("td", { class: "n" }, grouped(row[4])));
  };

  const heatTable = byId("heat-table");
  if (heatTable) {
    const count = byId("heat-count");
    const body = heatTable.tBodies[0];
    let start = 0;
    const earlier = make("button", { type: "button", hidden: "" }, "Staler keys");
    const later = make("button", { type: "button" }, "Fresher keys");
    const turn = (to) => {
      start = to;
      const end = Math.min(start + HEAT_PAGE, data.heat.length);
      body.replaceChildren(...data.heat.slice(start, end).map(heatRow));
      count.textContent = `Showing ${grouped(start + 1)} to ${grouped(end)} of ${counted(data.heat.length, "active key")}.`;
      earlier.hidden = start === 0;
      later.hidden = end === data.heat.length;
    };
    later.hidden = data.heat.length <= HEAT_PAGE;
    earlier.addEventListener("click", () => turn(Math.max(start - HEAT_PAGE, 0)));
    later.addEventListener("click", () => turn(start + HEAT_PAGE));
    heatTable.after(make("p", { class: "more" }, earlier, later));
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-heat]");
      if (link) turn(Number(link.dataset.heat));
    });

    const tip = make("p", { class: "tip", hidden: "", "aria-hidden": "true" });
    document.body.append(tip);
    heatTable.addEventListener("pointermove", (event) => {
      const drawing = event.target.closest("td.strip svg");
      tip.hidden = !drawing;
      if (!drawing) return;
      const box = drawing.getBoundingClientRect();
      const at = Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * data.days), 0), data.days - 1);
      const row = data.heat[start + drawing.closest("tr").sectionRowIndex];
      const date = new Date((data.firstDay + at) * 86400000).toISOString().slice(0, 10);
      tip.textContent = `${date}: ${at < row[2] ? "not made yet" : MEANING[unpack(row[1])[at]]}`;
      tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - 190)}px`;
      tip.style.top = `${event.clientY + 16}px`;
    });
    heatTable.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  document.documentElement.classList.add("scripted");
})();
