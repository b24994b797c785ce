"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  /** An element with attributes and children; text is text, whatever it holds. */
  const make = (name, attributes = {}, ...children) => {
    const svg = ["svg", "path", "line", "text", "rect"].includes(name);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  };

  /* ---- theme ---- */

  const THEMES = ["auto", "light", "dark"];
  const theme = $("#theme");
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("vlbench-theme", value);
      return localStorage.getItem("vlbench-theme");
    } catch {
      return null; // a file opened from disk may have no storage
    }
  };
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    theme.textContent = `Theme: ${name}`;
  };
  setTheme(THEMES.includes(stored()) ? stored() : "auto");
  theme.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    setTheme(next);
    stored(next);
  });

  /* ---- sort ---- */

  const ORDERS = { none: "first", first: "second", second: "none" };
  const textual = (heading) => heading.classList.contains("method");
  const ascendingFirst = (heading) => ["method", "rank", "size", "time"].some((name) => heading.classList.contains(name));

  const keyOf = (row, index, text) => {
    const value = row.cells[index].dataset.v;
    if (text) return value;
    return value === undefined || value === "" ? null : Number(value);
  };

  const compare = (a, b, sign) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null); // missing values stay last
    const order = typeof a.key === "string" ? a.key.localeCompare(b.key) : a.key - b.key;
    return sign * order || a.place - b.place;
  };

  const sortBy = (heading) => {
    const table = heading.closest("table");
    const index = heading.cellIndex;
    const state = ORDERS[heading.dataset.order || "none"];
    $$("thead th[aria-sort]", table).forEach((other) => {
      other.setAttribute("aria-sort", "none");
      delete other.dataset.order;
    });
    const ascending = (state === "first") === ascendingFirst(heading);
    if (state !== "none") {
      heading.dataset.order = state;
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    }
    table.classList.toggle("sorted", state !== "none");
    for (const body of $$("tbody.ranked", table)) { // baselines stay where they are
      const rows = [...body.rows].map((row) => {
        row.dataset.place ??= String(row.sectionRowIndex);
        const place = Number(row.dataset.place);
        return { row, place, key: state === "none" ? place : keyOf(row, index, textual(heading)) };
      });
      rows.sort((a, b) => compare(a, b, state === "none" || ascending ? 1 : -1));
      body.append(...rows.map((item) => item.row));
    }
  };
  $("#board").addEventListener("click", (event) => {
    const button = event.target.closest(".board thead button");
    if (button) sortBy(button.closest("th"));
  });

  /* ---- filter ---- */

  const words = new Map($$(".board tbody tr").map((row) => [row, $(".method", row).textContent.toLowerCase()]));
  const isBaseline = (row) => row.parentElement.classList.contains("baseline") || row.classList.contains("always");
  const form = $(".filters");
  const selects = $$("[data-filter]");
  const checks = { provisional: $("#filter-provisional"), baselines: $("#filter-baselines") };

  /** What is asked for, as the part of the address behind "?"; "" where everything is shown. */
  const asked = () => {
    const query = new URLSearchParams();
    if ($("#filter-text").value.trim()) query.set("find", $("#filter-text").value.trim());
    for (const select of selects) if (select.value) query.set(select.dataset.filter, select.value);
    for (const [name, box] of Object.entries(checks)) if (!box.checked) query.set(name, "no");
    return query.toString();
  };
  const read = (text) => {
    const query = new URLSearchParams(text);
    $("#filter-text").value = query.get("find") ?? "";
    for (const select of selects) {
      const value = query.get(select.dataset.filter) ?? "";
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    for (const [name, box] of Object.entries(checks)) box.checked = query.get(name) !== "no";
  };
  const parts = () => {
    const [name, query = ""] = location.hash.slice(1).split("?", 2);
    return { name: decodeURIComponent(name), query };
  };

  const filter = () => {
    const wanted = $("#filter-text").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = Object.fromEntries(selects.map((select) => [select.dataset.filter, select.value]));
    const fits = (name, value) => !chosen[name] || chosen[name] === value;
    let shown = 0;
    for (const suite of $$(".suite")) {
      let inSuite = 0;
      for (const group of $$(".group", suite)) {
        const open = fits("suite", suite.dataset.suite) && fits("budget", group.dataset.budget) && fits("division", group.dataset.division);
        let inGroup = 0;
        for (const row of $$("tbody tr", group)) {
          const named = wanted.every((word) => words.get(row).includes(word));
          const keep = open && (isBaseline(row) ? checks.baselines.checked : named && (checks.provisional.checked || !row.classList.contains("provisional")));
          row.hidden = !keep;
          if (keep && named) inGroup += 1;
        }
        group.hidden = inGroup === 0;
        shown += inGroup;
        $(".board", group).classList.toggle("filtered", $$("tbody.ranked tr[hidden]", group).length > 0);
        inSuite += inGroup;
      }
      for (const plots of $$(".plots", suite)) {
        plots.hidden = !fits("division", plots.dataset.division);
        const here = (mark) => wanted.every((word) => mark.dataset.method.toLowerCase().includes(word));
        const marks = $$("[data-method]", plots);
        const any = marks.some(here); // words may be those of an option, which no plot shows
        for (const mark of marks) mark.classList.toggle("faded", any && !here(mark));
      }
      suite.hidden = inSuite === 0;
    }
    $("#nothing").hidden = shown > 0 || words.size === 0;
    $$("nav li").forEach((item) => { item.hidden = $(`.suite[data-suite="${CSS.escape(item.dataset.suite)}"]:not([hidden])`) === null; });
    $("#count").textContent = asked() ? `${shown} of ${words.size} rows match` : `${words.size} rows`;
  };
  const changed = () => {
    filter();
    history.replaceState(null, "", asked() ? `#?${asked()}` : "#");
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  $("#again").addEventListener("click", () => $("#reset").click());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    $("#filter-text").focus();
  });
  if (parts().query) read(parts().query);
  filter();

  /* ---- files to take away ---- */

  const save = (blob, name) => {
    const link = make("a", { href: URL.createObjectURL(blob), download: name.replace(/[^A-Za-z0-9.-]+/g, "-") });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  /** A cell of a spreadsheet; a text that would be computed there begins with an apostrophe. */
  const cell = (value) => {
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (button) => {
    const rows = $$("tbody tr:not([hidden])", button.closest(".group")).map((row) => [row, data().rows[row.id]]);
    const columns = [...new Set(rows.flatMap(([, row]) => row.columns.map((column) => column.name)))];
    const head = ["method", "options", "status", "baseline", "rank", ...columns, "mean low", "mean high", "recovered", "pairs", "size", "time"];
    const lines = rows.map(([line, row]) => {
      const score = (name) => row.columns.find((column) => column.name === name);
      const interval = score("mean")?.interval ?? ["", ""];
      const options = $("small", line.cells[1])?.title ?? "";
      return [row.method, options, row.status, row.baseline, row.rank, ...columns.map((name) => score(name)?.mean), ...interval, row.recovered, row.pairs, row.size, row.time];
    });
    const text = [head, ...lines].map((line) => line.map(cell).join(",")).join("\n");
    save(new Blob([text, "\n"], { type: "text/csv" }), `${button.dataset.name}.csv`);
  };
  const LOOK = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "paint-order", "font-family", "font-size", "opacity", "text-anchor"];
  /** A plot as a picture of twice its size, with the colours that are on the screen. */
  const png = (button) => {
    const svg = $("svg", button.closest("figure"));
    const copy = svg.cloneNode(true);
    const [from, to] = [$$("*", svg), $$("*", copy)];
    from.forEach((node, at) => {
      const style = getComputedStyle(node);
      for (const name of LOOK) to[at].style.setProperty(name, style.getPropertyValue(name));
    });
    const { width, height } = svg.viewBox.baseVal;
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    const image = new Image();
    image.addEventListener("load", () => {
      const canvas = make("canvas", { width: 2 * width, height: 2 * height });
      const pen = canvas.getContext("2d");
      pen.fillStyle = getComputedStyle(document.body).backgroundColor;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(blob, `${button.closest(".suite").dataset.suite}-${button.dataset.name}.png`));
    });
    image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".csv, .png");
    if (button) (button.classList.contains("csv") ? csv : png)(button);
  });

  /* ---- the page of a row ---- */

  const dialog = $("#row");
  const data = (() => {
    let parsed = null;
    return () => (parsed ??= JSON.parse($("#details").textContent));
  })();
  const pictures = (name) => JSON.parse(document.getElementById(name).textContent);

  const section = (title, ...children) => make("section", {}, make("h3", {}, title), ...children);
  const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined); // a name may be "__proto__"
  const number = (value, digits = 1) => (value === null || value === undefined ? "–" : value.toFixed(digits));

  const brief = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : "–");

  const lines = (pairs) => {
    const rows = pairs.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(value))));
    return make("table", { class: "plain" }, make("tbody", {}, ...rows));
  };

  const folded = (title, pairs) => make("details", {}, make("summary", {}, title), lines(pairs));

  const headline = (row) => {
    const mean = row.columns.find((column) => column.name === "mean");
    const facts = [];
    if (mean) facts.push(["mean recall", number(mean.mean), mean.interval ? `${number(mean.interval[0])}–${number(mean.interval[1])}` : ""]);
    if (row.rank) facts.push(["rank", row.rank.replace("-", "–"), ""]);
    for (const name of ["recovered", "pairs", "size", "time"]) if (row[name] !== "-") facts.push([name, row[name], ""]);
    const parts = facts.map(([name, value, more]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, value, more ? make("small", {}, ` ${more}`) : null)));
    return make("dl", { class: "headline" }, ...parts);
  };

  const gallery = (row) => {
    if (!row.gallery) return null;
    const found = pictures(row.gallery);
    const tiles = found.images.map((image, index) => {
      const caption = found.captions[index];
      const learned = make("img", { src: image, alt: caption, loading: "lazy" });
      const sound = found.sounds && found.sounds[index];
      const player = sound ? make("audio", { src: sound, controls: "", preload: "none", "aria-label": `sound of pair ${index + 1}` }) : null;
      if (!found.starts) return make("figure", {}, learned, player, make("figcaption", { title: caption }, caption));
      const start = make("img", { src: found.starts[index], alt: "the real picture it began with", loading: "lazy" });
      const near = `${number(found.cosines[index], 2)} · ${caption}`;
      return make("figure", {}, make("div", { class: "two" }, start, learned), player, make("figcaption", { title: near }, near));
    });
    const source = found.source === "nearest" ? "the train caption nearest to each text vector" : "its own caption";
    const left = found.starts ? " On the left the real picture it began with; the number is the cosine of the text vector to that caption." : "";
    const hint = `The first ${tiles.length} of ${row.pairs} pairs of seed ${found.seed}${found.captions.some(Boolean) ? `, each with ${source}` : ""}.${left}`;
    const look = `tiles${found.side < 100 || found.strips ? " pixels" : ""}${found.starts ? " starts" : ""}${found.strips ? " strips" : ""}`;
    return section("Pairs", make("p", { class: "hint" }, hint), make("div", { class: look }, ...tiles));
  };

  const recalls = (row) => {
    if (!row.columns.length) return null;
    const starts = Object.keys(row.starts).length > 0;
    const names = ["", "mean", "sd", "95 % interval", ...(starts ? ["its start", "gained"] : [])];
    const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col", class: "number" }, name)));
    const gain = (column) => {
      const start = own(row.starts, column.name);
      if (start === undefined) return [make("td", {}), make("td", {})];
      const more = column.mean - start;
      return [make("td", { class: "number" }, number(start, 2)), make("td", { class: "number" }, `${more < 0 ? "−" : "+"}${number(Math.abs(more), 2)}`)];
    };
    const body = row.columns.map((column) =>
      make("tr", {},
        make("th", { scope: "row" }, column.name === "mean" ? "mean recall" : column.name),
        make("td", { class: "number" }, number(column.mean, 2)),
        make("td", { class: "number" }, column.count > 1 ? number(column.sd, 2) : "–"),
        make("td", { class: "number" }, column.interval ? column.interval.map((end) => number(end, 2)).join(" – ") : "–"),
        ...(starts ? gain(column) : [])));
    return section("Scores", make("table", { class: "plain" }, make("thead", {}, head), make("tbody", {}, ...body)));
  };

  const curve = (name, { last, values: all }) => {
    const [width, height, left, right, top, bottom] = [640, 200, 48, 56, 12, 26];
    const points = all.map((value, index) => [(index * last) / (all.length - 1), value]).filter((point) => point[1] !== null);
    if (!points.length) return null;
    const values = points.map((point) => point[1]);
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    const x = (step) => left + (step / last) * (width - left - right);
    const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
    const show = (value) => String(Number(value.toPrecision(3)));
    const parts = [];
    for (const value of [low, (low + high) / 2, high]) {
      parts.push(make("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      parts.push(make("text", { class: "tick", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, show(value)));
    }
    const path = points.map((point, index) => `${index ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`).join("");
    parts.push(make("path", { class: "line c0", d: path }));
    parts.push(make("text", { class: "label c0", x: x(last) + 6, y: y(values.at(-1)) + 4 }, show(values.at(-1))));
    parts.push(make("text", { class: "tick", x: left, y: height - 6 }, "0"));
    parts.push(make("text", { class: "tick", x: width - right, y: height - 6, "text-anchor": "end" }, `step ${last}`));
    const title = name.replaceAll("_", " ");
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}, from ${show(values[0])} to ${show(values.at(-1))}` }, ...parts);
    return make("figure", {}, make("figcaption", {}, make("b", {}, title)), svg);
  };

  const BANDS = ["first", "2–5", "6–10", "11–100", "later"];
  const queries = (part) => (part.count ? `${part.count}, such as ${part.such_as.join(", ")}` : "none");
  const examples = (title, part) => {
    const drawn = pictures("hits");
    const tiles = part.shown.map(({ caption, picture }) => {
      const address = picture === null ? undefined : drawn[picture];
      const image = address ? make("img", { src: address, alt: caption, loading: "lazy" }) : null;
      return make("figure", {}, image, make("figcaption", { title: caption }, caption));
    });
    return [make("h4", {}, `${title}: ${part.count.toLocaleString("en")}`), make("div", { class: "tiles pixels" }, ...tiles)];
  };
  const hits = (row) => {
    if (!row.hits) return null;
    const KINDS = [["first for every student", "always"], ["never among the first 10", "never"]];
    const parts = row.hits.flatMap((found) => {
      let left = 0;
      const bars = found.bands.map((share, index) => {
        const bar = make("rect", { class: `band b${index}`, x: left, y: 0, width: share, height: 10 });
        left += share;
        return bar;
      });
      const legend = found.bands.map((share, index) => make("span", { class: `band b${index}` }, `${BANDS[index]} ${number(share)} %`));
      const title = `${found.direction.replaceAll("_", " ")}, ${found.queries.toLocaleString("en")} queries, ${found.students} students`;
      const plain = KINDS.filter(([, kind]) => !found[kind].shown.length);
      return [
        make("figure", { class: "hits" }, make("figcaption", {}, make("b", {}, title)),
          make("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": "Share of queries by rank" }, ...bars),
          make("p", { class: "bands" }, ...legend)),
        ...KINDS.filter(([, kind]) => found[kind].shown.length).flatMap(([text, kind]) => examples(text, found[kind])),
        plain.length ? lines(plain.map(([text, kind]) => [text, queries(found[kind])])) : null,
      ].filter(Boolean);
    });
    const shown = row.hits.some((found) => found.always.shown.length || found.never.shown.length);
    const hint = shown ? "The rank of the right answer. A query is shown with the pair it belongs to." : "The rank of the right answer; queries go by their number in the test split.";
    return section("Hits and misses", make("p", { class: "hint" }, hint), ...parts);
  };

  const pluginScores = (scores) => {
    const head = make("tr", {}, ...["", "", "mean", "sd"].map((name) => make("th", { scope: "col", class: "number" }, name)));
    const body = scores.map((score) =>
      make("tr", {},
        make("th", { scope: "row" }, score.name),
        make("td", {}, score.direction.replaceAll("_", " ")),
        make("td", { class: "number" }, brief(score.mean)),
        make("td", { class: "number" }, brief(score.sd))));
    const hint = make("p", { class: "hint" }, "Further measures that plugins declare, each in its own unit. Nothing is ranked by them.");
    return section("Scores of plugins", hint, make("table", { class: "plain" }, make("thead", {}, head), make("tbody", {}, ...body)));
  };

  const command = (text) => {
    const code = make("pre", {}, text);
    const copy = make("button", { type: "button", class: "copy" }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // the clipboard may be closed to a file; the selection is not
        copy.textContent = "Selected";
      }
    });
    return make("div", { class: "command" }, code, copy);
  };

  const UNITS = { bytes: (v) => `${v.toLocaleString("en")} B`, peak_rss_bytes: (v) => `${(v / 1e6).toFixed(0)} MB` };
  const NAMES = { condense_s: "condense", train_s: "train students", score_s: "score", peak_rss_bytes: "peak memory", bytes: "size", pairs: "pairs" };
  const costs = (cost) => Object.entries(cost).map(([name, value]) => {
    const unit = own(UNITS, name) || ((v) => (name.endsWith("_s") ? `${v.toFixed(1)} s` : String(v)));
    return [own(NAMES, name) || name, typeof value === "number" ? unit(value) : JSON.stringify(value)];
  });

  const environment = (run) => {
    const { versions = {}, plugins = [], ...rest } = data().environments[run.environment];
    const plain = (value) => (typeof value === "object" ? JSON.stringify(value) : value);
    const loaded = plugins.map((plugin) => [`plugin ${plugin.name}`, `${plugin.version} ${plugin.status === "ok" ? "" : plugin.status}`]);
    return [...Object.entries(rest), ...Object.entries(versions), ...loaded].map(([name, value]) => [name, plain(value)]);
  };

  const runPart = (row, run) => {
    const seeds = own(run.seeds, row.student) || Object.values(run.seeds)[0] || [];
    const about = [["run", run.id], ["distillation seed", run.seed], ["created", run.created]];
    if (seeds.length) about.push([`mean recall of ${seeds.length} students`, seeds.map((value) => number(value)).join("  ")]);
    const start = own(run.start, row.student);
    if (start !== undefined) about.push(["mean recall of its start", number(start)]);
    const chosen = own(run.chosen, row.student);
    const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
    const options = Object.entries(run.options).map(([name, value]) => [name, text(value)]);
    const given = options.filter(([name]) => run.given.includes(name));
    const settings = Object.entries(run.settings).map(([name, value]) => [name, text(value)]);
    const all = [...options, ...settings.map(([name, value]) => [`${name} (resolved)`, value])];
    const recipe = chosen ? Object.entries(chosen).map(([name, value]) => [name.replaceAll("_", " "), text(value)]) : [];
    const curves = Object.entries(run.curves).map(([name, points]) => curve(name, points)).filter(Boolean);
    const declared = own(run.plugin_scores, row.student) || [];
    return [
      lines(about),
      declared.length ? pluginScores(declared) : null,
      curves.length ? section("Curves", ...curves) : null,
      run.bundle ? section("Check it", make("p", {}, make("a", { href: run.bundle, download: "" }, "Download the bundle"), ", then:"), command(`vlbench verify ${run.bundle.split("/").at(-1)}`)) : null,
      run.command ? section("Command", command(run.command)) : null,
      options.length ? section("Options that were given", given.length ? lines(given) : make("p", { class: "hint" }, "None: the defaults."), folded("All options", all)) : null,
      recipe.length ? section("Students", folded("The recipe chosen on val", recipe)) : null,
      section("Cost", lines(costs(run.cost))),
      section("Environment", lines(environment(run))),
    ].filter(Boolean);
  };

  const runsPart = (row) => {
    const runs = row.runs.map((index) => data().runs[index]);
    const body = make("div", {});
    const show = (run, pressed) => {
      body.replaceChildren(...runPart(row, run));
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));
    };
    const buttons = runs.map((run) => {
      const button = make("button", { type: "button", "aria-pressed": "false" }, `seed ${run.seed}`);
      button.addEventListener("click", () => show(run, button));
      return button;
    });
    if (!runs.length) return null;
    show(runs[0], buttons[0]);
    return section(runs.length > 1 ? `${runs.length} runs` : "Run", runs.length > 1 ? make("div", { class: "runs" }, ...buttons) : null, body);
  };

  const open = (name) => {
    const row = data().rows[name];
    if (!row) return;
    $("#row-title").textContent = row.method;
    const standing = row.baseline ? "baseline" : row.provisional ? "provisional: too few seeds to be ranked" : row.status === "finished" ? "" : row.status;
    const parts = [
      make("p", { class: "where" }, row.where, standing ? ` · ${standing}` : null, row.badge ? ` · ${row.badge}` : null),
      row.message ? make("p", { class: "message" }, row.message) : null,
      headline(row), gallery(row), recalls(row), hits(row), runsPart(row),
    ];
    $("#row-content").replaceChildren(...parts.filter(Boolean));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  };

  let opener = null;
  const follow = () => {
    const { name, query } = parts();
    if (query && query !== asked()) {
      read(query);
      filter();
    }
    if (name && Object.hasOwn(data().rows, name)) open(name);
    else if (dialog.open) dialog.close();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) {
      opener = link;
      if (link.getAttribute("href") === location.hash) follow(); // the same address again makes no event
      return;
    }
    const row = event.target.closest(".board tbody tr");
    if (row && !event.target.closest("button") && getSelection().isCollapsed) $(".method a", row).click();
  });
  dialog.addEventListener("close", () => {
    if (Object.hasOwn(data().rows, parts().name)) history.replaceState(null, "", asked() ? `#?${asked()}` : "#");
    opener?.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  $("#close").addEventListener("click", () => dialog.close());
  addEventListener("hashchange", follow);
  if (location.hash.length > 1) follow();
})();
