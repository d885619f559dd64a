// The page of `deelish serve`: sends pictures, shows predictions side by side, draws a training.
"use strict";

const get = (id) => document.getElementById(id);
const SIDE = 480; // of a picture from the camera, in pixels
const EVERY = 2000; // milliseconds between two looks at a training

function made(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function say(text) {
  get("message").textContent = text;
}

// Pictures

async function predict(picture) {
  const attention = get("attention").checked ? "?attention=1" : "";
  const response = await fetch(`api/predict${attention}`, { method: "POST", body: picture });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

let address = null;
let last = null;

async function show(picture) {
  last = picture;
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(picture);
  get("picture").src = address;
  get("picture").hidden = false;
  get("video").hidden = true;
  get("seen").hidden = false;
  say("looking …");
  try {
    draw(await predict(picture));
    say("");
  } catch (error) {
    get("predictions").replaceChildren();
    say(error.message);
  }
}

function draw(found) {
  const first = found.networks[0].top[0][0];
  get("predictions").replaceChildren(...found.networks.map((network) => card(network, first)));
}

function card(network, first) {
  const differs = network.top[0][0] !== first;
  const article = made("article", undefined, differs ? "differs" : "");
  article.append(made("h3", network.name), made("p", facts(network), "facts"));
  const list = made("ol");
  for (const [label, share] of network.top) {
    const item = made("li");
    const line = made("div", undefined, "name");
    line.append(made("span", label), made("span", `${(100 * share).toFixed(1)} %`, "number"));
    const bar = made("progress");
    bar.max = 1;
    bar.value = share;
    bar.setAttribute("aria-label", label);
    item.append(line, bar);
    list.append(item);
  }
  article.append(list);
  if (network.attention) {
    const image = made("img");
    image.src = network.attention;
    image.alt = `where ${network.name} looks`;
    article.append(image);
  } else if (network.why_not) {
    article.append(made("p", network.why_not, "facts"));
  }
  return article;
}

function facts(network) {
  const parts = [`${network.milliseconds.toFixed(1)} ms`, size(network.file_bytes)];
  if (network.parameters) parts.push(`${network.parameters.toLocaleString("en")} parameters`);
  return parts.join(" · ");
}

function size(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(1)} kB`;
}

get("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) stop().then(() => show(file));
});
get("attention").addEventListener("change", () => {
  if (last && !stream) show(last);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    get("drop").classList.toggle("over", name === "dragover");
    const file = name === "drop" ? event.dataTransfer.files[0] : null;
    if (file) stop().then(() => show(file));
  });
}
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) stop().then(() => show(file));
});

// The camera: one picture is on its way at any time, the others are left out

let stream = null;
const REFUSED = {
  NotAllowedError: "the browser was told not to use the camera; allow it beside the address",
  NotFoundError: "there is no camera; connect one",
  NotReadableError: "another program uses the camera; close it",
};

async function start() {
  if (!navigator.mediaDevices) {
    say("a browser gives a camera to this machine's own pages alone; open http://127.0.0.1");
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    say(REFUSED[error.name] || `the camera cannot be opened (${error.name})`);
    return;
  }
  get("camera").setAttribute("aria-pressed", "true");
  get("camera").textContent = "close the camera";
  get("video").srcObject = stream;
  get("video").hidden = false;
  get("picture").hidden = true;
  get("seen").hidden = false;
  say("");
  await get("video").play();
  watch();
}

async function stop() {
  if (!stream) return;
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  get("camera").setAttribute("aria-pressed", "false");
  get("camera").textContent = "open the camera";
  get("video").hidden = true;
}

async function watch() {
  while (stream) {
    if (document.hidden) {
      await new Promise((resume) => setTimeout(resume, 200));
      continue;
    }
    try {
      const found = await predict(await frame());
      if (stream) draw(found);
    } catch (error) {
      say(error.message);
      await stop();
    }
  }
}

function frame() {
  const video = get("video");
  const canvas = made("canvas");
  const scale = Math.min(1, SIDE / Math.min(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((take) => canvas.toBlob(take, "image/jpeg", 0.85));
}

get("camera").addEventListener("click", () => (stream ? stop() : start()));

// A training, from its log

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BELOW] = [360, 200, 48, 24];

function shape(tag, values, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function chart(rows, key, title) {
  const parts = { train: points(rows, key), val: points(rows, `val_${key}`) };
  const all = [...parts.train, ...parts.val];
  if (!all.length) return null;
  const [low, high] = [Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y))];
  const last = Math.max(2, ...all.map(([x]) => x));
  const x = (value) => LEFT + ((value - 1) / (last - 1)) * (WIDTH - LEFT - 8);
  const y = (value) => 8 + ((high - value) / (high - low || 1)) * (HEIGHT - BELOW - 16);
  const label = `${title} by epoch; training dashed, validation solid`;
  const drawn = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  drawn.append(shape("path", { class: "axis", d: `M${LEFT},8V${HEIGHT - BELOW}H${WIDTH - 8}` }));
  drawn.append(shape("text", { x: 0, y: 18 }, high.toPrecision(3)));
  if (low < high) drawn.append(shape("text", { x: 0, y: HEIGHT - BELOW }, low.toPrecision(3)));
  drawn.append(shape("text", { x: LEFT, y: HEIGHT - 6 }, title));
  drawn.append(shape("text", { x: WIDTH - 70, y: HEIGHT - 6 }, `epoch ${last}`));
  for (const [name, found] of Object.entries(parts)) {
    const line = found.map(([px, py], index) => `${index ? "L" : "M"}${x(px)},${y(py)}`);
    drawn.append(shape("path", { class: name, d: line.join("") }));
  }
  return drawn;
}

function points(rows, key) {
  return rows.filter((row) => Number.isFinite(row[key])).map((row) => [row.epoch, row[key]]);
}

const CURVES = { loss: "loss", accuracy: "accuracy", agreement: "agreement", lr: "learning rate" };

function table(rows) {
  const keys = Object.keys(rows[0] || {});
  const head = made("thead");
  const titles = made("tr");
  for (const key of keys) {
    const cell = made("th", key.replaceAll("_", " "));
    cell.scope = "col";
    titles.append(cell);
  }
  head.append(titles);
  const body = made("tbody");
  for (const row of rows.slice(-50).reverse()) {
    const line = made("tr");
    for (const key of keys) {
      const value = row[key];
      const shown = key === "epoch" ? String(value) : value === null ? "–" : value.toPrecision(4);
      line.append(made("td", shown));
    }
    body.append(line);
  }
  get("epochs").replaceChildren(head, body);
}

async function training() {
  const response = await fetch("api/training");
  if (!response.ok) {
    get("state").textContent = await response.text();
    return;
  }
  const { settings, rows } = await response.json();
  const networks = Object.keys(settings.networks || {}).join(", ");
  const done = `${rows.length} of ${settings.epochs} epochs`;
  get("state").textContent = networks ? `${networks}: ${settings.state}, ${done}` : "not begun yet";
  const drawn = Object.entries(CURVES).map(([key, title]) => chart(rows, key, title));
  get("curves").replaceChildren(...drawn.filter(Boolean));
  table(rows);
}

let timer = null;

function view(name) {
  for (const each of ["pictures", "training"]) {
    get(each).hidden = each !== name;
    get(`show-${each}`).setAttribute("aria-pressed", String(each === name));
  }
  clearInterval(timer);
  if (name === "training") {
    stop();
    training();
    timer = setInterval(training, EVERY);
  }
}

get("show-pictures").addEventListener("click", () => view("pictures"));
get("show-training").addEventListener("click", () => view("training"));
fetch("api/about")
  .then((response) => response.json())
  .then((about) => {
    get("show-training").hidden = !about.log;
    const names = about.networks.map((network) => network.name).join(" and ");
    get("pictures-title").textContent = `What ${names} see${about.networks.length > 1 ? "" : "s"}`;
  });
