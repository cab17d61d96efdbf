// The Train tab: a form of named settings, and a view of the run that the server keeps for this visitor.

const $ = (selector) => element.querySelector(selector);
const $$ = (selector) => [...element.querySelectorAll(selector)];
const { presets, choices } = props;
const form = $("form"), file = $(".go input[type=file]");
const visitor = window.sketchpad.visitor;
const chosen = new Set(); // the runs whose curves are laid beside the latest one's
let latest = null, have = "", pinned = null, results = null, asked = 0, sawRun = false;

// ---- the form: each control's name is its setting's place, so nothing depends on order ----
const controls = () => $$("[name]").filter((control) => control.name !== "preset");
const numeric = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function valueOf(control) {
  if (control.type === "checkbox") return control.checked;
  if (control.name === "network.dense_units") return control.value.split(",").filter((text) => text.trim()).map(numeric);
  return control.tagName === "SELECT" ? control.value : numeric(control.value);
}

function put(values, path, value) {
  const [last, ...way] = path.split(".").reverse();
  const place = way.reverse().reduce((into, key) => (into[key] ??= {}), values);
  place[last] = value;
}

function settings() {
  const values = { network: {}, training: {} };
  for (const control of controls()) put(values, control.name, valueOf(control));
  values.network.convolutions = Object.values(values.network.convolutions ?? {});
  values.preset = $("[name=preset]:checked")?.value ?? "own";
  return values;
}

function convolutionRow(convolution, place) {
  const row = document.createElement("div");
  row.className = "convolution fields";
  for (const [name, title] of [["filters", "Filters"], ["kernel_size", "Kernel, pixels"], ["stride", "Stride"]]) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), {
      type: "number", min: 1, name: `network.convolutions.${place}.${name}`, value: convolution[name],
    });
    label.append(title, input);
    row.append(label);
  }
  const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×", title: "Take this convolution out" });
  remove.setAttribute("aria-label", `Take convolution ${place + 1} out`);
  remove.onclick = () => setConvolutions(settings().network.convolutions.filter((_, other) => other !== place));
  row.append(remove);
  return row;
}

function setConvolutions(convolutions) {
  $(".convolutions").replaceChildren(...convolutions.map(convolutionRow));
  describe();
}

function usePreset(name) {
  const preset = presets.find((one) => one.name === name);
  setConvolutions(preset.network.convolutions);
  for (const control of controls()) {
    const value = control.name.split(".").reduce((from, key) => from?.[key], preset);
    if (value === undefined || control.closest(".convolution")) continue;
    if (control.type === "checkbox") control.checked = value;
    else control.value = Array.isArray(value) ? value.join(", ") : value;
  }
  $("[name=go_on]").value = "";
  describe();
}

// An error stands under the control that it is about, and opens the part that the control is in.
function complain(problem) {
  for (const note of $$(".error")) note.dataset.error === undefined ? note.remove() : (note.textContent = "");
  for (const control of $$("[aria-invalid]")) control.removeAttribute("aria-invalid");
  if (!problem?.error) return;
  const control = controls().find((one) => problem.setting && one.name.endsWith(`.${problem.setting}`));
  if (!control) {
    $(`[data-error="${problem.setting === "convolutions" ? "convolutions" : ""}"]`).textContent = problem.error;
    return;
  }
  control.setAttribute("aria-invalid", true);
  control.closest("details").open = true;
  const note = Object.assign(document.createElement("p"), { className: "error", textContent: problem.error });
  note.setAttribute("role", "alert");
  control.closest("label").after(note);
}

async function describe() {
  const number = ++asked;
  const answer = await server.describe(settings()).catch(() => undefined);
  if (number !== asked || !answer) return;
  complain(answer);
  if (answer.error) return;
  $(".layers tbody").replaceChildren(...answer.layers.map(([name, shape, weights]) => tableRow([name, shape.join(" × "), weights.toLocaleString("en")])));
  $(".layers tbody").append(tableRow(["All", "", answer.weights.toLocaleString("en")]));
  for (const [part, text] of Object.entries(answer.gist)) $(`[data-gist=${part}]`).textContent = text;
  $(".varied").hidden = !answer.varied;
  if (answer.varied) $(".varied").src = answer.varied;
}

function tableRow(cells) {
  const row = document.createElement("tr");
  for (const cell of cells) {
    const data = document.createElement("td");
    data.append(cell);
    row.append(data);
  }
  return row;
}

// ---- the run ----
async function ask(name, more = {}) {
  return (await server[name]({ visitor, ...more }).catch(() => undefined)) ?? { error: "I lost touch with the app; please try again." };
}

async function train() {
  complain(null);
  $("[data-do=train]").disabled = true;
  pinned = window.sketchpad.picture();
  headline("Getting ready…");
  const status = $(".status").getBoundingClientRect();
  if (status.top < 0 || status.top > innerHeight - 100) $(".status").scrollIntoView({ behavior: "smooth" });
  const answer = await ask("start", { ...settings(), picture: pinned });
  if (answer.error) {
    complain(answer);
    $("[data-do=train]").disabled = false;
  }
  follow();
}

let timer = null, following = false, reader = "";
async function follow() {
  clearTimeout(timer);
  if (following || !element.isConnected) return;
  following = true;
  const picture = window.sketchpad.picture();
  const state = await server.follow({ visitor, have, picture: picture === pinned ? undefined : (pinned = picture) }).catch(() => undefined);
  following = false;
  const another = state && state.run?.number !== latest?.number;
  if (another) pinned = undefined; // this run may not know what is drawn
  if (state) show(state);
  else headline("I lost touch with the app; I'll keep trying.");
  const lively = latest && !latest.over;
  timer = setTimeout(follow, another || (lively && !document.hidden) ? 250 : 5000);
}

function headline(text) {
  if ($(".headline").textContent !== text) $(".headline").textContent = text;
}

function show(state) {
  latest = state.run;
  sawRun ||= Boolean(latest?.progress);
  if (state.results) {
    results = state.results;
    have = state.have;
    showResults();
  }
  $(".reader").textContent = state.reading;
  if (reader && reader !== state.reading) window.sketchpad.reread();
  reader = state.reading;
  showButtons(state);
  showRuns(state);
  drawCharts(state);
  if (!latest) return showNoRun(state);
  headline(state.notice || says(latest));
  const progress = latest.progress;
  $("progress").value = progress ? progress.step / progress.steps : 0;
  $(".numbers").textContent = progress ? numbers(progress, latest) : "\u00a0";
  showSeen(latest);
}

// No run yet, or none any more: the app was started anew, or this page was away for long.
function showNoRun(state) {
  have = "";
  results = null;
  $(".after").hidden = true;
  $("progress").value = 0;
  $(".numbers").textContent = "\u00a0";
  headline(state.notice || (sawRun ? "Your runs are gone: the app was started anew, or you were away for long." : "Nothing is training yet."));
  showSeen({ drawing: pinned });
}

function says(run) {
  if (run.message) return run.message;
  const progress = run.progress;
  if (run.state === "waiting") return run.place ? `You are number ${run.place} in line; ${run.place} ${run.place === 1 ? "run trains" : "runs train"} first.` : "Getting ready…";
  if (!progress && !run.over) return "Getting ready…";
  if (run.state === "testing") return "Reading the 10,000 test images…";
  if (run.state === "done") return `Run ${run.number} is done.`;
  if (run.state === "stopped") return `Run ${run.number} was stopped; what it learnt is kept.`;
  return `Epoch ${progress?.epoch ?? 1} of ${progress?.epochs ?? "…"}${run.state === "paused" ? ", paused" : ""}`;
}

function numbers(progress, run) {
  const left = Math.ceil(progress.seconds_left);
  const time = left >= 90 ? `${Math.round(left / 60)} minutes` : `${left} s`;
  return [
    `step ${progress.step.toLocaleString("en")} of ${progress.steps.toLocaleString("en")}`,
    run.over || run.state === "testing" ? `${run.seconds.toFixed(1)} s` : `${time} left`,
    `${Math.round(progress.images_per_second).toLocaleString("en")} images/s`,
    `rate ${progress.learning_rate.toPrecision(2)}`,
  ].join(" · ");
}

function showButtons(state) {
  const lively = latest && !latest.over;
  $("[data-do=train]").disabled = Boolean(lively);
  for (const name of ["pause", "step", "stop"]) $(`[data-do=${name}]`).disabled = !lively || latest.state === "testing";
  $("[data-do=pause]").textContent = latest?.state === "paused" ? "Resume" : "Pause";
  $("[data-do=shipped]").disabled = $("[data-do=download]").disabled = !state.own;
  $(".live-rate").classList.toggle("idle", !lively);
  const rate = $(".live-rate input");
  if (lively && !rate.value) rate.value = latest.learning_rate;
  if (!lively) rate.value = "";
}

// ---- live: curves, the pinned drawing, the grid ----
const SVG = "http://www.w3.org/2000/svg";
const LEFT = 40, RIGHT = 392, TOP = 10, BOTTOM = 194;

function shape(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function drawCharts(state) {
  const run = latest ?? { number: 0, curve: [] };
  const others = state.runs.filter((other) => chosen.has(other.number) && other.number !== run.number);
  const epochs = Math.max(run.progress?.epochs ?? 1, ...others.map((other) => other.epochs));
  for (const [kind, at, kept, scale] of [["accuracy", 2, 4, 100], ["loss", 1, 3, 1]]) {
    const lines = [
      { name: "training", className: "line training", points: run.curve.map((row) => [row[0], row[at] * scale]) },
      { name: "validation", className: "line validation", points: run.curve.filter((row) => row[kept] !== null).map((row) => [row[0], row[kept] * scale]) },
      ...others.map((other, number) => ({
        name: `run ${other.number}`, className: `line other other-${number % 4}`,
        points: other.curve.map((row) => [row[0], (row[kept] ?? row[at]) * scale]),
      })),
    ];
    drawChart($(`[data-chart=${kind}]`), lines, epochs, kind);
  }
}

function drawChart(svg, lines, epochs, kind) {
  const values = lines.flatMap((line) => line.points.map((point) => point[1])).filter(Number.isFinite);
  const worst = values.length ? (kind === "accuracy" ? Math.min(...values) : Math.max(...values)) : kind === "accuracy" ? 0 : 2;
  const high = kind === "accuracy" ? 100 : [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((top) => worst <= top) ?? Math.ceil(worst);
  const low = kind === "accuracy" ? ([98, 95, 90, 80, 50].find((bottom) => worst >= bottom) ?? 0) : 0;
  const x = (value) => LEFT + ((RIGHT - LEFT) * value) / epochs;
  const y = (value) => BOTTOM - ((BOTTOM - TOP) * (value - low)) / (high - low);
  const nodes = [];
  for (let part = 0; part <= 4; part++) {
    const value = low + ((high - low) * part) / 4;
    nodes.push(shape("line", { x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), class: "rule" }));
    nodes.push(shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(Number(value.toFixed(3)))));
  }
  const every = Math.ceil(epochs / 10);
  for (let epoch = 0; epoch <= epochs; epoch += every) {
    nodes.push(shape("text", { x: x(epoch), y: BOTTOM + 18, "text-anchor": "middle" }, epoch));
  }
  nodes.push(shape("text", { x: RIGHT, y: BOTTOM - 6, "text-anchor": "end" }, "epochs"));
  for (const { points, className } of lines) {
    if (points.length) nodes.push(shape("polyline", { class: className, points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ") }));
    if (className.includes("validation")) for (const [a, b] of points) nodes.push(shape("circle", { cx: x(a), cy: y(b), r: 3, class: "validation" }));
  }
  svg.replaceChildren(...nodes);
  svg.parentElement.querySelector(".legend").replaceChildren(...lines.map(({ name, className }) => Object.assign(document.createElement("span"), { className, textContent: name })));
}

function showSeen(run) {
  const drawing = $(".pinned img");
  drawing.hidden = !run.drawing;
  $(".pinned .bars").hidden = !run.drawing;
  $(".pinned .none").hidden = Boolean(run.drawing);
  if (run.drawing && drawing.src !== run.drawing) drawing.src = run.drawing;
  const winner = run.pinned ? run.pinned.indexOf(Math.max(...run.pinned)) : -1;
  $$(".pinned .bars li").forEach((row, digit) => {
    const share = run.pinned ? run.pinned[digit] : 0;
    row.classList.toggle("winner", digit === winner);
    row.querySelector("i").style.width = `${100 * share}%`;
    row.querySelector(".percent").textContent = run.pinned ? (100 * share).toFixed(1) : "–";
  });
  let right = 0;
  $$(".cell i").forEach((mark, place) => {
    const read = run.seen?.[place];
    const good = String(read) === mark.dataset.label;
    right += good;
    mark.textContent = read ?? "–";
    mark.parentElement.className = `cell ${run.seen ? (good ? "right" : "wrong") : ""}`;
  });
  $(".score").textContent = run.seen ? `(${right} of ${run.seen.length})` : "";
}

// ---- after: what came out, and the runs of this visit ----
function showResults() {
  $(".after").hidden = !results.confusion;
  if (!results.confusion) return;
  $(".verdict").textContent = `Run ${results.number} reads ${(100 * results.accuracy).toFixed(2)} % of the 10,000 test images.`;
  const table = $(".confusion");
  table.replaceChildren(tableRow(["", ...Array(10).keys(), "right"].map(String)));
  results.confusion.forEach((counts, row) => {
    const line = tableRow([String(row)]);
    counts.forEach((count, column) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: count || "·", disabled: !count });
      button.title = `${count} × ${row} read as ${column}`;
      button.className = row === column ? "diagonal" : count ? "off" : "";
      button.style.setProperty("--share", Math.min(1, row === column ? count / 1200 : count / 20));
      button.onclick = () => showCell(row, column);
      line.append(document.createElement("td"));
      line.lastChild.append(button);
    });
    line.append(Object.assign(document.createElement("td"), { textContent: `${(100 * results.digit_accuracy[row]).toFixed(1)} %` }));
    table.append(line);
  });
  $(".shown-title").textContent = results.mistakes.length ? "The worst mistakes" : "No mistakes at all";
  showImages(results.mistakes);
}

function showImages(images) {
  $(".mistakes").replaceChildren(...images.map(({ url, label, read, confidence }) => {
    const figure = document.createElement("figure");
    const image = Object.assign(new Image(), { src: url, alt: `A ${label}, read as ${read}` });
    figure.append(image, Object.assign(document.createElement("figcaption"), { textContent: label === read ? `${read}, ${(100 * confidence).toFixed(0)} %` : `${label} read as ${read}, ${(100 * confidence).toFixed(0)} %` }));
    return figure;
  }));
}

async function showCell(row, column) {
  const answer = await ask("cell", { run: results.number, row, column });
  $(".shown-title").textContent = answer.error ?? `${answer.count} × ${row} read as ${column}${answer.count > answer.images.length ? `, the first ${answer.images.length}` : ""}`;
  if (!answer.error) showImages(answer.images);
}

function showRuns(state) {
  $(".history").hidden = !state.runs.length;
  const rows = state.runs.map((run) => {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: chosen.has(run.number) || run.number === latest.number, disabled: run.number === latest.number });
    box.setAttribute("aria-label", `Show run ${run.number}'s curve`);
    box.onchange = () => (box.checked ? chosen.add(run.number) : chosen.delete(run.number), drawCharts(state));
    const use = Object.assign(document.createElement("button"), { type: "button", textContent: run.reads ? "reads now" : run.kept ? "read with it" : "–", disabled: run.reads || !run.kept });
    use.onclick = async () => (complain(await ask("read_with", { run: run.number })), follow());
    const accuracy = run.accuracy === null ? run.state : `${(100 * run.accuracy).toFixed(2)} %`;
    return tableRow([box, `${run.number} ${run.name}`, use, accuracy, run.gist, run.weights?.toLocaleString("en") ?? "–", run.seconds.toFixed(1)]);
  });
  const text = JSON.stringify(state.runs.map(({ curve, ...run }) => run));
  if (text !== showRuns.last) $(".runs tbody").replaceChildren(...rows);
  showRuns.last = text;
}

// ---- models in and out ----
async function download() {
  const answer = await ask("download");
  if (answer.error) return complain(answer);
  const bytes = await (await fetch(`data:application/octet-stream;base64,${answer.data}`)).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(bytes), download: answer.name });
  link.click();
  URL.revokeObjectURL(link.href);
}

async function load(blob) {
  if (!blob) return;
  if (blob.size > 20 * 2 ** 20) return complain({ error: `This file has ${(blob.size / 2 ** 20).toFixed(1)} MB; a model of up to 20 MB would do.` });
  const url = await new Promise((resolve) => {
    const loader = Object.assign(new FileReader(), { onload: () => resolve(loader.result), onerror: () => resolve("") });
    loader.readAsDataURL(blob);
  });
  complain(await ask("load", { data: url.slice(url.indexOf(",") + 1), file: blob.name }));
  follow();
}

const doing = {
  train,
  pause: () => ask("control", { do: latest?.state === "paused" ? "resume" : "pause" }).then(follow),
  step: () => ask("control", { do: "step" }).then(follow),
  stop: () => ask("control", { do: "stop" }).then(follow),
  rate: async () => {
    const answer = await ask("control", { do: "rate", rate: numeric($(".live-rate input").value) });
    $(".live-rate input").setAttribute("aria-invalid", Boolean(answer.error));
    $(".rate-error").textContent = answer.error ?? "";
  },
  shipped: () => ask("read_with", { run: 0 }).then(follow),
  download,
  upload: () => file.click(),
  "add-convolution": () => setConvolutions([...settings().network.convolutions, { filters: 32, kernel_size: 3, stride: 1 }]),
};

form.addEventListener("submit", (event) => event.preventDefault());
element.addEventListener("click", (event) => doing[event.target.closest("[data-do]")?.dataset.do]?.());
form.addEventListener("click", (event) => event.target.name === "preset" && usePreset(event.target.value));
form.addEventListener("input", (event) => event.target.name && event.target.name !== "preset" && describe());
file.addEventListener("change", () => (load(file.files[0]), (file.value = "")));
document.addEventListener("visibilitychange", () => document.hidden || follow());

for (const [name, values] of Object.entries(choices)) {
  $(`[name="${name}"]`).replaceChildren(...values.map((value) => new Option(value.replaceAll("_", " "), value)));
}
$("[name=preset][value=fast]").checked = true;
usePreset("fast");
follow();
