// The Draw tab: a pad that keeps its strokes, and a reader that asks the server about them one picture at a time.

const $ = (selector) => element.querySelector(selector);
const [canvas, hint, slider, words] = ["canvas.pad", ".hint", ".brush input", ".words"].map($);
const [lesson, undoLesson] = [".lesson span", "[data-do=take-back]"].map($);
const [file, camera, video] = [".bring input", ".camera", "video"].map($);
const [PAPER, INK, EXPORT_SIDE, MAX_BYTES] = ["#ffffff", "#16161d", 400, 10 * 2 ** 20];
const KEPT = "digit-sketchpad";
const LESSON = "Press what it was, and the network learns it.";

// ---- what a reload keeps; where the browser forbids it, the page does without ----
const store = {
  attempt(task) {
    try {
      return task();
    } catch {
      return null;
    }
  },
  get: (key) => store.attempt(() => sessionStorage.getItem(key)),
  set: (key, value) => store.attempt(() => (sessionStorage.setItem(key, value), true)) ?? store.remove(key),
  remove: (key) => store.attempt(() => sessionStorage.removeItem(key)),
};

// ---- who asks: an id of this tab's own, which a reload keeps ----
function visitorId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const id = store.get("digit-visitor") ?? [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  store.set("digit-visitor", id);
  return id;
}
const visitor = visitorId();

// ---- what is drawn: a list of marks (strokes, pictures, clears), of which the first `done` are on the page ----
let marks = [], done = 0, stroke = null, erasing = false;
const keyboardPen = { x: 0.5, y: 0.5, shown: false, stroke: null };

// The marks since the page was last emptied: a picture or a clear starts a new page.
function visible() {
  const drawn = marks.slice(0, done);
  const start = drawn.findLastIndex((mark) => mark.kind !== "stroke");
  return drawn.slice(Math.max(start, 0)).filter((mark) => mark.kind !== "clear");
}

function add(mark) {
  if (mark.kind === "picture" && !teaching) lesson.textContent = LESSON;
  marks = [...marks.slice(0, done), mark];
  done = marks.length;
  changed();
}

function move(by) {
  endStroke();
  done = Math.min(Math.max(done + by, 0), marks.length);
  changed();
}

function clear() {
  endStroke();
  if (visible().length) add({ kind: "clear" });
}

// ---- drawing it ----
const picture = () => visible().find((mark) => mark.kind === "picture");

// Where a picture lies on the unit square: as large as fits, in the middle.
function frame(mark) {
  const { naturalWidth: width, naturalHeight: height } = mark.image;
  const longer = Math.max(width, height);
  return { x: (1 - width / longer) / 2, y: (1 - height / longer) / 2, width: width / longer, height: height / longer };
}

// The finished marks are painted once for each size of the page and kept: hundreds of strokes would slow the pen.
const finished = new Map();

function paint(context, side) {
  const marksNow = visible();
  const live = stroke && marksNow.at(-1) === stroke ? marksNow.pop() : null;
  let kept = finished.get(side);
  if (!kept || kept.marks.length !== marksNow.length || kept.marks.some((mark, place) => mark !== marksNow[place])) {
    kept = { marks: marksNow, page: Object.assign(document.createElement("canvas"), { width: side, height: side }) };
    if (finished.size > 3) finished.clear();
    finished.set(side, kept);
    paintMarks(kept.page.getContext("2d"), side, marksNow);
  }
  context.drawImage(kept.page, 0, 0);
  if (live) {
    context.lineCap = context.lineJoin = "round";
    paintStroke(context, side, live);
  }
}

function paintMarks(context, side, marksNow) {
  context.fillStyle = PAPER;
  context.fillRect(0, 0, side, side);
  context.lineCap = context.lineJoin = "round";
  for (const mark of marksNow) {
    if (mark.kind === "picture") {
      const { x, y, width, height } = frame(mark);
      context.fillStyle = mark.paper;
      context.fillRect(0, 0, side, side);
      context.imageSmoothingEnabled = mark.image.naturalWidth > 64;
      context.drawImage(mark.image, x * side, y * side, width * side, height * side);
    } else {
      paintStroke(context, side, mark);
    }
  }
}

// Curves through the midpoints: a fast mouse leaves few points, and straight lines between them look jagged.
function paintStroke(context, side, { points, size, erase }) {
  const page = picture();
  const [paper, ink] = page ? [page.paper, page.ink] : [PAPER, INK];
  context.strokeStyle = erase ? paper : ink;
  context.lineWidth = size * side;
  context.beginPath();
  context.moveTo(points[0][0] * side, points[0][1] * side);
  if (points.length === 1) context.lineTo(points[0][0] * side + 0.01, points[0][1] * side); // a dot: no length, no ink
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i], [nextX, nextY] = points[i + 1];
    context.quadraticCurveTo(x * side, y * side, ((x + nextX) / 2) * side, ((y + nextY) / 2) * side);
  }
  const [x, y] = points.at(-1);
  context.lineTo(x * side, y * side);
  context.stroke();
}

let frameAsked = false;
function redraw() {
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(() => {
    frameAsked = false;
    const side = canvas.width, context = canvas.getContext("2d");
    if (!side) return;
    paint(context, side);
    if (keyboardPen.shown) {
      context.strokeStyle = "#6366f1";
      context.lineWidth = side / 150;
      context.beginPath();
      context.arc(keyboardPen.x * side, keyboardPen.y * side, (slider.value / 200) * side + 3, 0, 7);
      context.stroke();
    }
  });
}

new ResizeObserver(() => {
  const side = Math.round(canvas.clientWidth * window.devicePixelRatio);
  if (side && side !== canvas.width) {
    canvas.width = canvas.height = side;
    redraw();
  }
}).observe(canvas);

// What is read: the picture's own part of the page where there is one, else the whole page.
function exported() {
  const page = picture();
  const part = page ? frame(page) : { x: 0, y: 0, width: 1, height: 1 };
  const whole = Object.assign(document.createElement("canvas"), { width: EXPORT_SIDE, height: EXPORT_SIDE });
  paint(whole.getContext("2d"), EXPORT_SIDE);
  if (!page) return whole.toDataURL();
  const [width, height] = [part.width, part.height].map((share) => Math.max(Math.round(share * EXPORT_SIDE), 1));
  const cut = Object.assign(document.createElement("canvas"), { width, height });
  cut.getContext("2d").drawImage(whole, -part.x * EXPORT_SIDE, -part.y * EXPORT_SIDE);
  return cut.toDataURL();
}

// ---- reading it: one question at a time, always about the newest page, so no older answer can come last ----
let teaching = false, corrections = 0; // a correction under way; how many the network has had
let unread = false, asking = false, emptied = 0, failures = 0, retry = null, complaint = "";

function changed() {
  const drawn = visible();
  complaint = "";
  hint.hidden = drawn.length > 0;
  if (!drawn.length) {
    emptied++;
    unread = false;
    if (!teaching) lesson.textContent = LESSON;
    showBlank();
  } else {
    unread = true;
    ask();
  }
  showTools();
  redraw();
  keep();
}

async function ask() {
  if (asking || !unread) return;
  clearTimeout(retry);
  asking = true;
  unread = false;
  const page = emptied;
  const slow = setTimeout(() => say("One moment, the network is waking up…"), 1500);
  const answer = await server.read({ picture: exported(), visitor, ways: !$(".ways").hidden }).catch(() => undefined);
  clearTimeout(slow);
  asking = false;
  if (!answer) {
    say("I lost touch with the app. Your drawing is safe; I'll keep trying.");
    failures++;
    unread = page === emptied;
    retry = setTimeout(ask, Math.min(500 * 2 ** failures, 8000));
    return;
  }
  failures = 0;
  if (page === emptied) show(answer);
  retry = setTimeout(ask, 30);
}

// Reads the same page again, with whatever reads now; on an empty page, asks how many corrections that has had.
function reread() {
  unread = visible().length > 0;
  if (unread) ask();
  else server.read({ picture: null, visitor }).then(showCorrections, () => {});
}

function say(text) {
  if (words.textContent !== text) words.textContent = text;
}

// A sentence about a picture that could not be brought stays until the next mark, whatever is read meanwhile.
function complain(text) {
  complaint = text;
  say(text);
}

function show(answer) {
  if (answer.error) return say(answer.error);
  const { guess } = answer, blank = guess === null;
  $(".digit").textContent = blank ? "–" : (answer.digit ?? "?");
  $(".sketch").classList.toggle("blank", blank);
  $(".sketch").classList.toggle("doubtful", !blank && answer.digit === null);
  const percent = (share) => (100 * share).toFixed(1);
  say(complaint || answer.words);
  $(".sure").textContent = blank ? "" : `${percent(answer.probabilities[guess])} % sure · ${answer.reader}`;
  element.querySelectorAll(".bars li").forEach((row, digit) => {
    const share = blank ? 0 : answer.probabilities[digit];
    row.classList.toggle("winner", digit === guess);
    row.querySelector("i").style.width = `${100 * share}%`;
    row.querySelector(".percent").textContent = blank ? "–" : percent(share);
  });
  for (const button of element.querySelectorAll("[data-was]")) button.disabled = blank || teaching;
  showCorrections(answer);
  showWays(blank ? [] : answer.ways ?? []);
  for (const image of element.querySelectorAll("[data-stage]")) {
    image.hidden = blank;
    if (!blank) image.src = answer.stages[image.dataset.stage];
  }
  showPixel();
}

const showBlank = () => show({ guess: null, words: "Draw a digit." });

// ---- the same drawing, three ways ----
function showWays(ways) {
  element.querySelectorAll(".ways figure").forEach((figure, place) => {
    const [image, said, way] = [figure.querySelector("img"), figure.querySelector("output"), ways[place]];
    image.hidden = !way;
    if (way) image.src = way.url;
    said.textContent = way ? `reads ${way.digit}, ${(100 * way.confidence).toFixed(0)} % sure` : "–";
  });
}

function turnTo(name) {
  for (const part of ["stages", "ways"]) {
    $(`[data-do=${part}]`).setAttribute("aria-pressed", part === name);
    $(`.${part}`).hidden = part !== name;
  }
  $(".pixel").hidden = name !== "stages";
  reread();
}

// ---- "Wrong? Tell it." ----
function showCorrections(answer) {
  corrections = answer.corrections ?? corrections;
  undoLesson.hidden = !corrections;
  if (answer.notice && !teaching) lesson.textContent = answer.notice;
}

async function teach(task, question, told) {
  teaching = true;
  for (const button of element.querySelectorAll("[data-was]")) button.disabled = true;
  undoLesson.disabled = true;
  lesson.textContent = "Learning…";
  const answer = (await task({ visitor, ...question }).catch(() => undefined)) ?? { error: "I lost touch with the app; please try again." };
  teaching = undoLesson.disabled = false;
  lesson.textContent = answer.error ?? told(answer);
  showCorrections(answer);
  reread();
}

const correct = (digit) =>
  teach(server.correct, { picture: exported(), digit }, ({ before, after, accuracy }) => {
    const read = ({ digit, confidence }) => `${digit} (${(100 * confidence).toFixed(0)} %)`;
    const [old, now] = accuracy.map((share) => (100 * share).toFixed(2));
    const more = after.digit === digit ? "" : " Draw another like it, and tell me again.";
    return `I read ${read(before)}, now ${read(after)}.${more} MNIST's test images: ${old} % right, now ${now} %.`;
  });

const takeBack = () => teach(server.take_back, {}, () => "Forgotten again.");

// ---- the pen ----
const clamp = (value) => Math.min(Math.max(value, -0.1), 1.1);

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
}

function startStroke(point) {
  stroke = { kind: "stroke", size: slider.value / 100, erase: erasing, points: [point] };
  add(stroke);
}

function endStroke() {
  stroke = keyboardPen.stroke = null;
}

canvas.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button > 0) return;
  endStroke();
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  keyboardPen.shown = false;
  startStroke(place(event));
});
canvas.addEventListener("pointermove", (event) => {
  if (!stroke || !event.isPrimary || keyboardPen.stroke) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  stroke.points.push(...(moves.length ? moves : [event]).map(place));
  changed();
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  canvas.addEventListener(name, (event) => event.isPrimary && !keyboardPen.stroke && endStroke());
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
canvas.addEventListener("keydown", (event) => {
  const step = ARROWS[event.key];
  if (!step && event.key !== " ") return;
  event.preventDefault();
  keyboardPen.shown = true;
  if (step) {
    keyboardPen.x = Math.min(Math.max(keyboardPen.x + step[0] * 0.025, 0), 1);
    keyboardPen.y = Math.min(Math.max(keyboardPen.y + step[1] * 0.025, 0), 1);
    keyboardPen.stroke?.points.push([keyboardPen.x, keyboardPen.y]);
  } else if (keyboardPen.stroke) {
    endStroke();
  } else {
    startStroke([keyboardPen.x, keyboardPen.y]);
    keyboardPen.stroke = stroke;
  }
  keyboardPen.stroke ? changed() : redraw();
});
canvas.addEventListener("blur", () => {
  keyboardPen.shown = false;
  endStroke();
  redraw();
});

// ---- pictures brought along ----
function put(url) {
  const image = new Image();
  image.onload = () => {
    setErasing(false);
    add(pictureMark(image));
  };
  image.onerror = () => complain("This picture can't be shown; a PNG or JPEG would do.");
  image.src = url;
}

// The paper's shade is the picture's edge; the pen takes black or white, whichever stands out from it.
function pictureMark(image) {
  const side = 16, small = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = small.getContext("2d");
  context.drawImage(image, 0, 0, side, side);
  const pixels = context.getImageData(0, 0, side, side).data;
  const edge = [];
  for (let i = 0; i < side; i++) {
    for (const [x, y] of [[i, 0], [i, side - 1], [0, i], [side - 1, i]]) edge.push(pixels[4 * (y * side + x)]);
  }
  const shade = edge.sort((a, b) => a - b)[edge.length / 2];
  return { kind: "picture", url: image.src, image, paper: `rgb(${shade} ${shade} ${shade})`, ink: shade > 110 ? INK : PAPER };
}

async function bring(blob) {
  if (!blob) return;
  if (blob.size > MAX_BYTES) {
    return complain(`This file has ${(blob.size / 2 ** 20).toFixed(1)} MB; a picture of up to 10 MB would do.`);
  }
  const url = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(blob);
  });
  const answer = url && (await server.open_picture(url).catch(() => undefined));
  if (!answer) complain("The picture didn't get through to the app; please try again.");
  else if (answer.error) complain(answer.error);
  else put(answer.picture);
}

async function paste() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((name) => name.startsWith("image/"));
      if (type) return bring(await item.getType(type));
    }
    complain("There is no picture to paste; copy one first.");
  } catch {
    complain("This browser keeps the clipboard to itself; press Ctrl+V instead.");
  }
}

async function photograph() {
  const phone = window.matchMedia("(pointer: coarse)").matches;
  if (phone || !navigator.mediaDevices) {
    file.setAttribute("capture", "environment");
    return file.click();
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    camera.hidden = false;
    await video.play();
  } catch {
    closeCamera();
    complain("I can't use a camera here; upload a picture instead.");
  }
}

function closeCamera() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  camera.hidden = true;
}

function snap() {
  const shot = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  shot.getContext("2d").drawImage(video, 0, 0);
  closeCamera();
  shot.toBlob(bring, "image/jpeg", 0.95);
}

file.addEventListener("change", () => {
  bring(file.files[0]);
  file.value = "";
});
function onDrag(event) {
  if (!canvas.isConnected) {
    for (const name of ["dragover", "drop"]) document.removeEventListener(name, onDrag);
  } else if (event.dataTransfer?.types.includes("Files") && canvas.clientWidth) {
    event.preventDefault(); // beside the pad too, where the browser would leave the page for the picture
    if (event.type === "drop") bring(event.dataTransfer.files[0]);
  }
}
for (const name of ["dragover", "drop"]) document.addEventListener(name, onDrag);

// ---- tools and shortcuts ----
function setErasing(on) {
  erasing = on;
  showTools();
}

function showTools() {
  $('[data-do="undo"]').disabled = done === 0;
  $('[data-do="redo"]').disabled = done === marks.length;
  $('[data-do="clear"]').disabled = !visible().length;
  $('[data-do="erase"]').setAttribute("aria-pressed", erasing);
  canvas.classList.toggle("erasing", erasing);
}

const doing = {
  undo: () => move(-1),
  redo: () => move(1),
  erase: () => setErasing(!erasing),
  clear: () => (setErasing(false), clear()),
  upload: () => (file.removeAttribute("capture"), file.click()),
  paste,
  photograph,
  snap,
  "close-camera": closeCamera,
  stages: () => turnTo("stages"),
  ways: () => turnTo("ways"),
  "take-back": takeBack,
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.example) put(button.dataset.example);
  else if (button?.dataset.was) correct(Number(button.dataset.was));
  else if (button) doing[button.dataset.do]();
});

const brush = (by) => (slider.value = Number(slider.value) + by);
const shortcuts = { e: doing.erase, "[": () => brush(-1), "]": () => brush(1), Delete: doing.clear, Backspace: doing.clear };

function onKey(event) {
  if (!canvas.isConnected) return document.removeEventListener("keydown", onKey);
  const typing = event.target.closest?.("textarea, select, [contenteditable], input:not([type=range])");
  if (typing || !canvas.clientWidth || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  let action = shortcuts[key];
  if (event.ctrlKey || event.metaKey) {
    action = key === "y" || (key === "z" && event.shiftKey) ? doing.redo : key === "z" ? doing.undo : undefined;
  }
  if (!action) return;
  event.preventDefault();
  action();
}
document.addEventListener("keydown", onKey);

document.addEventListener("paste", (event) => {
  const image = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
  if (image && canvas.clientWidth) bring(image);
});

// ---- a pixel's number, under the pointer or a finger ----
const pixel = $(".pixel"), stages = $(".stages");
let pointed = null;

function showPixel() {
  const image = pointed?.image;
  if (!image || image.hidden || !image.complete || image.dataset.stage === "crop") {
    pixel.textContent = "Point at a pixel in 2, 3 or 4 to see its number.";
    return;
  }
  const small = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  const context = small.getContext("2d");
  context.drawImage(image, 0, 0);
  const value = context.getImageData(pointed.column, pointed.row, 1, 1).data[0];
  const share = image.dataset.stage === "normalize" ? ` ÷ 255 = ${(value / 255).toFixed(2)}` : "";
  pixel.textContent = `Row ${pointed.row + 1}, column ${pointed.column + 1}: ${value}${share}`;
}

for (const name of ["pointermove", "pointerdown"]) {
  stages.addEventListener(name, (event) => {
    const image = event.target.closest("[data-stage]");
    const box = image?.getBoundingClientRect();
    const cell = (offset, length) => Math.min(Math.max(Math.floor((28 * offset) / length), 0), 27);
    pointed = image && {
      image,
      row: cell(event.clientY - box.top, box.height),
      column: cell(event.clientX - box.left, box.width),
    };
    showPixel();
  });
}
stages.addEventListener("pointerleave", (event) => {
  if (event.pointerType === "mouse") pointed = null;
  showPixel();
});
for (const image of stages.querySelectorAll("img")) image.addEventListener("load", showPixel);

// ---- the drawing outlives a reload, a locked phone and the Back button ----
let keeping = null;
function keep() {
  clearTimeout(keeping);
  keeping = setTimeout(() => {
    const plain = visible().map(({ image, ...mark }) => mark);
    store.set(KEPT, JSON.stringify(plain)); // in a full store, the drawing lives as long as the page
  }, 300);
}

async function restore() {
  const kept = JSON.parse(store.get(KEPT) ?? "[]");
  for (const mark of kept.filter((one) => one.kind === "picture")) {
    mark.image = new Image();
    mark.image.src = mark.url;
    await mark.image.decode();
  }
  if (!done && kept.length) {
    marks = kept;
    done = kept.length;
  }
  changed();
  reread();
}

// What the other tabs need of this one.
window.sketchpad = {
  visitor,
  picture: () => (visible().length ? exported() : null),
  reread,
};

showTools();
restore().catch(() => store.remove(KEPT));
