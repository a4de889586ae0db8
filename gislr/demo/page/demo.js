import { color, contextOf, drawLandmarks, drawLine, pointsOf } from "/drawing.js";
import { $, request, showMessage } from "/requests.js";
import { cameraProblem, closeCamera, openCamera, openHolistic } from "/webcam.js";

const FRAMES_PER_SECOND = 30;
const MAX_LINES = 7;
const LIVE_FRAMES = 60;

let about = null;
let clip = null;
let opened = null;
let shown = "";
let requests = 0;
let frame = 0;
let playing = true;
let last = 0;
let live = null;
let holistic = null;

/* Shows the last of several choices in a row, whichever answer comes first. */
async function show(key, asked, name = "") {
  const mine = ++requests;
  showMessage("");
  if (!live) $("hint").textContent = "Recognizing …";
  let found = null;
  let problem = "";
  try { found = await asked; } catch (error) { problem = error.message; }
  if (mine !== requests) return;
  hint();
  if (problem) {
    showMessage(name ? `${name}: ${problem}` : problem);
    $("samples").value = shown;
    return;
  }
  stopLive();
  if (name) {
    opened = found;
    $("samples").querySelector("[value=opened]")?.remove();
    $("samples").add(new Option(name, key));
  }
  clip = found;
  shown = key;
  $("samples").value = key;
  frame = 0;
  playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("seek").max = clip.frames.length - 1;
  clipView();
  draw();
}

let view = { x: 0.5, y: 0.5, width: 1, height: 1 };

function clipView() {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const points of clip.frames) for (const point of points) {
    if (!point) continue;
    left = Math.min(left, point[0]); right = Math.max(right, point[0]);
    top = Math.min(top, point[1]); bottom = Math.max(bottom, point[1]);
  }
  if (left === Infinity) [left, top, right, bottom] = [0, 0, 1, 1];
  const size = Math.max(right - left, bottom - top, 0.01) * 1.08;
  view = { x: (left + right) / 2, y: (top + bottom) / 2, width: size, height: size };
}

function momentAt(at) {
  let found = clip.moments[0];
  for (const moment of clip.moments) if (moment.frame <= at) found = moment;
  return found;
}

function drawBars(moment) {
  const list = $("bars");
  while (list.children.length < moment.signs.length) {
    const item = document.createElement("li");
    for (const kind of ["name", "track", "value"]) {
      const part = document.createElement("span");
      part.className = kind;
      item.append(part);
    }
    const bar = document.createElement("div");
    bar.className = "bar";
    item.children[1].append(bar);
    list.append(item);
  }
  while (list.children.length > moment.signs.length) list.lastChild.remove();
  moment.signs.forEach((sign, k) => {
    const [name, track, value] = list.children[k].children;
    name.textContent = name.title = sign;
    track.firstChild.style.width = `${100 * moment.probabilities[k]}%`;
    value.textContent = `${(100 * moment.probabilities[k]).toFixed(1)}%`;
  });
  $("nohand").hidden = moment.has_hand;
  $("notsure").hidden = moment.sure || !moment.has_hand;
}

/* The webcam's moments hold only the five most likely signs; elsewhere a line has a gap. */
function linesOf(moments) {
  const highest = new Map();
  for (const moment of moments) {
    moment.signs.forEach((sign, k) => highest.set(sign, Math.max(highest.get(sign) || 0, moment.probabilities[k])));
  }
  return [...highest].sort((a, b) => b[1] - a[1]).map(([sign]) => ({
    sign,
    probabilities: moments.map((moment) => moment.probabilities[moment.signs.indexOf(sign)] ?? null),
  }));
}

function drawLegend(lines) {
  $("legend").replaceChildren(...lines.map(({ sign }, k) => {
    const item = document.createElement("li");
    const mark = document.createElement("i");
    mark.style.background = `var(--line-${k + 1})`;
    item.append(mark, sign);
    item.title = sign;
    return item;
  }));
}

function drawChart(moments, allLines, at) {
  const lines = allLines.slice(0, MAX_LINES);
  const { context, width, height } = contextOf($("chart"));
  const [left, right, top, bottom] = [44, width - 6, 8, height - 24];
  const [start, end] = [moments[0].frame, moments[moments.length - 1].frame];
  const x = (number) => left + (number - start) / Math.max(1, end - start) * (right - left);
  const y = (fraction) => bottom - fraction * (bottom - top);
  context.font = "13px system-ui, sans-serif";
  context.fillStyle = color("--faint");
  context.strokeStyle = color("--line");
  for (const fraction of [0, 0.5, 1]) {
    drawLine(context, [[left, y(fraction)], [right, y(fraction)]]);
    context.fillText(`${100 * fraction}%`, 0, y(fraction) + 4);
  }
  context.fillText(at === null ? "the last seconds" : "frame 1", left, height - 5);
  context.textAlign = "right";
  if (at !== null) context.fillText(String(end + 1), right, height - 5);
  context.lineWidth = 2.5;
  // The most likely sign comes last, on top.
  for (let k = lines.length - 1; k >= 0; k -= 1) {
    context.strokeStyle = color(`--line-${k + 1}`);
    drawLine(context, lines[k].probabilities.map((value, number) => (value === null ? null : [x(moments[number].frame), y(value)])));
  }
  if (at !== null) {
    context.strokeStyle = color("--text");
    context.lineWidth = 1.5;
    drawLine(context, [[x(at), top], [x(at), bottom]]);
  }
  drawLegend(lines);
}

function draw() {
  if (!clip || live) return;
  drawLandmarks($("drawing"), about.chains, clip.frames[frame], view);
  drawBars(momentAt(frame));
  drawChart(clip.moments, clip.lines, frame);
  $("seek").value = frame;
  $("frame").textContent = `${frame + 1} / ${clip.frames.length}`;
  $("until").textContent = `after ${frame + 1} frame${frame ? "s" : ""}`;
  $("play").textContent = playing ? "Pause" : "Play";
}

function tick(now) {
  const wait = 1000 / FRAMES_PER_SECOND / Number($("speed").value);
  if (clip && playing && !live && now - last >= wait) {
    last = now;
    if (frame < clip.frames.length - 1) frame += 1; else playing = false;
    draw();
  }
  requestAnimationFrame(tick);
}

/* The webcam: MediaPipe finds landmarks in the page; only they go to the local server. */

async function startLive() {
  showMessage("");
  requests += 1;
  const mine = live = { frames: [], moments: [], asked: 0, waiting: false, number: 0 };
  const stopped = () => live !== mine;
  $("webcam").textContent = "Stop the webcam";
  $("hint").textContent = "Starting the webcam …";
  document.querySelector(".player").hidden = true;
  try {
    const stream = await openCamera(() => { stopLive(); showMessage("The webcam was disconnected."); });
    if (stopped()) { closeCamera(stream); return; }
    const video = $("video");
    video.srcObject = stream;
    await video.play();
    // Landmarks are fractions of the image's width and height; this keeps its aspect ratio.
    const most = Math.max(video.videoWidth, video.videoHeight);
    view = { x: 0.5, y: 0.5, width: 1.08 * most / video.videoWidth, height: 1.08 * most / video.videoHeight };
    if (holistic) holistic.reset();
    else holistic = await openHolistic(onLandmarks);
    if (stopped()) return;
    $("hint").textContent = "This page finds the landmarks; images never leave it.";
    while (!stopped()) {
      await holistic.send({ image: video });
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    if (stopped()) return;
    stopLive();
    showMessage(cameraProblem(error));
  }
}

function onLandmarks(values) {
  if (!live) return;
  const mine = live;
  mine.frames.push(values);
  if (mine.frames.length > LIVE_FRAMES) mine.frames.shift();
  mine.number += 1;
  drawLandmarks($("drawing"), about.chains, pointsOf(values, about.rows), view);
  const now = performance.now();
  if (mine.waiting || now - mine.asked < 250) return;
  mine.asked = now;
  const seen = mine.frames.some((one) => one.some((value) => !Number.isNaN(value)));
  $("hint").textContent = seen ? "This page finds the landmarks; images never leave it." : "No person is visible.";
  if (!seen) return;
  mine.waiting = true;
  const number = mine.number;
  request("/landmarks", { method: "POST", body: new Blob(mine.frames) }).then((moment) => {
    if (live !== mine) return;
    mine.moments.push({ ...moment, frame: number });
    if (mine.moments.length > 60) mine.moments.shift();
    drawBars(moment);
    drawChart(mine.moments, linesOf(mine.moments), null);
    $("until").textContent = `of the last ${LIVE_FRAMES} frames`;
  }).catch((error) => { if (live === mine) showMessage(error.message); }).finally(() => { mine.waiting = false; });
}

function stopLive() {
  if (!live) return;
  const stream = $("video").srcObject;
  if (stream) closeCamera(stream);
  $("video").srcObject = null;
  live = null;
  $("webcam").textContent = "Webcam";
  document.querySelector(".player").hidden = false;
  hint();
  if (clip) { clipView(); draw(); }
}

function hint() {
  if (live) return;
  $("hint").textContent = about && !about.webcam ? "For the webcam: gislr demo fetch_webcam=true" : "";
}

/* Choices */

function choose(key) {
  if (key === "opened") show(key, opened);
  else show(key, request(`/samples/${encodeURIComponent(about.samples[key])}`));
}

function upload(file) {
  const max = about.max_bytes;
  if (file.size > max) showMessage(`${file.name}: A file may have ${Math.round(max / 2 ** 20)} MB; this one has ${Math.round(file.size / 2 ** 20)}.`);
  else show("opened", request("/clip", { method: "POST", body: file }), file.name);
}

$("samples").addEventListener("change", (event) => choose(event.target.value));
$("file").addEventListener("change", (event) => { if (event.target.files[0]) upload(event.target.files[0]); event.target.value = ""; });
$("play").addEventListener("click", () => {
  if (!clip) return;
  if (frame === clip.frames.length - 1 && !playing) frame = 0;
  playing = !playing;
  draw();
});
$("seek").addEventListener("input", (event) => { playing = false; frame = Number(event.target.value); draw(); });
$("webcam").addEventListener("click", () => { if (live) stopLive(); else startLive(); });
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
});

request("/about").then((found) => {
  about = found;
  $("about").textContent = `${about.title} · ${about.signs} signs`;
  $("webcam").hidden = !about.webcam;
  hint();
  $("samples").replaceChildren(...about.samples.map((name, k) => new Option(name, k)));
  choose("0");
  requestAnimationFrame(tick);
}).catch((error) => showMessage(error.message));
