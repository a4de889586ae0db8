"use strict";

const $ = (id) => document.getElementById(id);
const FRAMES_A_SECOND = 30;
const LINES = ["#2463c4", "#c4472f", "#2f8f4e", "#8a56c2", "#b07d10", "#0f8a99", "#c2447f"];
const PARTS = { "lips": "#b5657a", "left hand": "#2463c4", "right hand": "#d06a1f", "left arm": "#6b7686", "right arm": "#6b7686" };
const LIVE_FRAMES = 60;

let about = null;
let clip = null;
let frame = 0;
let playing = true;
let last = 0;
let live = null;

function tell(text) {
  $("message").hidden = !text;
  $("message").textContent = text || "";
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  const values = await answer.json().catch(() => ({ error: "The page's server did not answer as expected." }));
  if (!answer.ok) throw new Error(values.error || "The page's server refused.");
  return values;
}

async function show(asked) {
  tell("");
  stopLive();
  try {
    clip = await asked;
  } catch (error) {
    tell(error instanceof TypeError ? "The page's server does not answer; is it still running?" : error.message);
    return;
  }
  frame = 0;
  playing = true;
  $("seek").max = clip.frames.length - 1;
  bounds(clip.frames);
  legend();
  draw();
}

let view = { x: 0.5, y: 0.5, half: 0.5 };

function bounds(frames) {
  const found = frames.flat().filter(Boolean);
  if (!found.length) { view = { x: 0.5, y: 0.5, half: 0.5 }; return; }
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of found) {
    left = Math.min(left, x); right = Math.max(right, x);
    top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  view = { x: (left + right) / 2, y: (top + bottom) / 2, half: Math.max(right - left, bottom - top, 0.01) / 2 * 1.08 };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function drawLandmarks(points) {
  const canvas = $("drawing");
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const place = ([x, y]) => [
    (x - view.x + view.half) / (2 * view.half) * canvas.width,
    (y - view.y + view.half) / (2 * view.half) * canvas.height,
  ];
  pen.lineWidth = 3;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  for (const [part, chains] of Object.entries(about.chains)) {
    pen.strokeStyle = pen.fillStyle = PARTS[part];
    for (const chain of chains) {
      pen.beginPath();
      let down = false;
      for (const k of chain) {
        if (!points[k]) { down = false; continue; }
        const [x, y] = place(points[k]);
        if (down) pen.lineTo(x, y); else pen.moveTo(x, y);
        down = true;
      }
      pen.stroke();
    }
  }
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
}

function lines() {
  const highest = new Map();
  for (const moment of clip.moments) {
    moment.signs.forEach((sign, k) => highest.set(sign, Math.max(highest.get(sign) || 0, moment.probabilities[k])));
  }
  return [...highest].sort((a, b) => b[1] - a[1]).slice(0, LINES.length).map(([sign]) => sign);
}

function legend() {
  $("legend").replaceChildren(...lines().map((sign, k) => {
    const item = document.createElement("li");
    const mark = document.createElement("i");
    mark.style.background = LINES[k];
    item.append(mark, sign);
    return item;
  }));
}

function drawChart() {
  const canvas = $("chart");
  const pen = canvas.getContext("2d");
  const [left, bottom, top] = [44, canvas.height - 26, 8];
  const width = canvas.width - left - 8;
  const end = Math.max(1, clip.moments[clip.moments.length - 1].frame);
  const start = clip.moments[0].frame;
  const x = (at) => left + (at - start) / Math.max(1, end - start) * width;
  const y = (share) => bottom - share * (bottom - top);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.font = "15px system-ui, sans-serif";
  pen.fillStyle = colour("--faint");
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  for (const share of [0, 0.5, 1]) {
    pen.beginPath(); pen.moveTo(left, y(share)); pen.lineTo(left + width, y(share)); pen.stroke();
    pen.fillText(`${100 * share}%`, 0, y(share) + 5);
  }
  pen.fillText(live ? "the last seconds" : "frames", left, canvas.height - 4);
  pen.textAlign = "right";
  if (!live) pen.fillText(String(end + 1), left + width, canvas.height - 4);
  pen.textAlign = "left";
  pen.lineWidth = 3;
  lines().forEach((sign, k) => {
    pen.strokeStyle = LINES[k];
    pen.beginPath();
    clip.moments.forEach((moment, number) => {
      const place = moment.signs.indexOf(sign);
      const at = [x(moment.frame), y(place < 0 ? 0 : moment.probabilities[place])];
      if (number) pen.lineTo(...at); else pen.moveTo(...at);
    });
    pen.stroke();
  });
  if (!live) {
    pen.strokeStyle = colour("--text");
    pen.lineWidth = 1.5;
    pen.beginPath(); pen.moveTo(x(frame), top); pen.lineTo(x(frame), bottom); pen.stroke();
  }
}

function draw() {
  if (!clip || live) return;
  drawLandmarks(clip.frames[frame]);
  drawBars(momentAt(frame));
  drawChart();
  $("seek").value = frame;
  $("frame").textContent = `${frame + 1} / ${clip.frames.length}`;
  $("until").textContent = `after ${frame + 1} frame${frame ? "s" : ""}`;
  $("play").textContent = playing ? "Pause" : "Play";
}

function tick(now) {
  const wait = 1000 / FRAMES_A_SECOND / Number($("speed").value);
  if (clip && playing && !live && now - last >= wait) {
    last = now;
    if (frame < clip.frames.length - 1) frame += 1; else playing = false;
    draw();
  }
  requestAnimationFrame(tick);
}

/* The webcam: MediaPipe finds landmarks in the page; only they go to the local server. */

function load(script) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = resolve;
    element.onerror = () => reject(new Error("MediaPipe's JavaScript could not be loaded."));
    document.head.append(element);
  });
}

function landmarksOf(results) {
  const values = new Float32Array(543 * 3).fill(NaN);
  const parts = [[results.faceLandmarks, 0, 468], [results.leftHandLandmarks, 468, 21], [results.poseLandmarks, 489, 33], [results.rightHandLandmarks, 522, 21]];
  for (const [found, first, count] of parts) {
    if (found) found.slice(0, count).forEach((point, k) => values.set([point.x, point.y, point.z], 3 * (first + k)));
  }
  return values;
}

async function startLive() {
  tell("");
  $("hint").textContent = "Starting the webcam …";
  try {
    if (!window.Holistic) await load("/webcam/holistic.js");
    const video = $("video");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    await video.play();
    const holistic = new Holistic({ locateFile: (name) => `/webcam/${name}` });
    holistic.setOptions({ modelComplexity: 1, smoothLandmarks: true, refineFaceLandmarks: false });
    live = { frames: [], asked: 0, waiting: false, number: 0 };
    clip = { frames: [], moments: [] };
    view = { x: 0.5, y: 0.5, half: 0.55 };
    holistic.onResults(onResults);
    $("webcam").textContent = "Stop the webcam";
    document.querySelector(".player").hidden = true;
    const step = async () => {
      if (!live) return;
      await holistic.send({ image: video });
      requestAnimationFrame(step);
    };
    await holistic.initialize();
    $("hint").textContent = "Landmarks are found in this page; pictures stay in it.";
    step().catch((error) => { stopLive(); tell(`MediaPipe stopped: ${error.message}`); });
  } catch (error) {
    stopLive();
    tell(error.name === "NotAllowedError" ? "The webcam was not allowed." : error.name === "NotFoundError" ? "No webcam was found." : `The webcam cannot be used: ${error.message}`);
  }
}

function onResults(results) {
  if (!live) return;
  const values = landmarksOf(results);
  live.frames.push(values);
  if (live.frames.length > LIVE_FRAMES) live.frames.shift();
  live.number += 1;
  drawLandmarks(about.rows.map((row) => (Number.isNaN(values[3 * row]) ? null : [values[3 * row], values[3 * row + 1]])));
  const now = performance.now();
  if (live.waiting || now - live.asked < 250) return;
  live.asked = now;
  const seen = live.frames.some((one) => one.some((value) => !Number.isNaN(value)));
  if (!seen) { $("hint").textContent = "Nobody is seen."; return; }
  live.waiting = true;
  const body = new Blob(live.frames);
  ask("/landmarks", { method: "POST", body }).then((moment) => {
    if (!live) return;
    clip.moments.push({ ...moment, frame: live.number });
    if (clip.moments.length > 60) clip.moments.shift();
    drawBars(moment);
    legend();
    drawChart();
    $("until").textContent = "of the last two seconds";
  }).catch((error) => tell(error.message)).finally(() => { if (live) live.waiting = false; });
}

function stopLive() {
  const stream = $("video").srcObject;
  if (stream) stream.getTracks().forEach((track) => track.stop());
  $("video").srcObject = null;
  live = null;
  $("webcam").textContent = "Webcam";
  document.querySelector(".player").hidden = false;
  hint();
}

function hint() {
  $("hint").textContent = about && !about.webcam ? "For the webcam: python -m gislr.demo --fetch-webcam" : "";
}

/* Choices */

const sample = (name) => show(ask(`/samples/${encodeURIComponent(name)}`));
const upload = (file) => show(ask("/clip", { method: "POST", body: file }));

$("samples").addEventListener("change", (event) => sample(event.target.value));
$("file").addEventListener("change", (event) => { if (event.target.files[0]) upload(event.target.files[0]); event.target.value = ""; });
$("play").addEventListener("click", () => {
  if (clip && frame === clip.frames.length - 1 && !playing) frame = 0;
  playing = !playing;
  draw();
});
$("seek").addEventListener("input", (event) => { playing = false; frame = Number(event.target.value); draw(); });
$("webcam").addEventListener("click", () => { if (live) { stopLive(); sample($("samples").value); } else startLive(); });
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
});

ask("/about").then((found) => {
  about = found;
  $("about").textContent = `${about.title} · ${about.signs} signs`;
  $("webcam").hidden = !about.webcam;
  hint();
  $("samples").replaceChildren(...about.samples.map((name) => new Option(name, name)));
  sample(about.samples[0]);
  requestAnimationFrame(tick);
}).catch((error) => tell(error.message));
