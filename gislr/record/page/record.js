/* Asks for consent, then for one clip after another: count down, record, look, keep. */

import { landmarksOfImages, quality, recordImages, recordVideo } from "./capture.js";
import { WHOLE_IMAGE, drawLandmarks, pointsOf } from "./drawing.js";
import { clipsToRecord } from "./order.js";
import { $, showMessage } from "./page.js";
import { request } from "./requests.js";
import { cameraProblem, closeCamera, openCamera, openHolistic } from "./webcam.js";

const COUNTDOWN = 3;
const FEW_HANDS = 0.5;
const LOW_RATE = 20;

let about = null;
let left = [];
let stream = null;
let holistic = null;
let watching = null;
let watched = Promise.resolve();
let attempt = null;
let clip = null;

const state = () => document.body.dataset.state;

function enter(name) {
  document.body.dataset.state = name;
  for (const part of document.querySelectorAll("[data-in]")) {
    part.hidden = !part.dataset.in.split(" ").includes(name);
  }
}

function hint(text, warns = false) {
  $("hint").textContent = text;
  $("hint").classList.toggle("warn", warns);
}

function count(number, name) {
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}

const draw = (values) => drawLandmarks($("drawing"), about.chains, pointsOf(values, about.rows), WHOLE_IMAGE);
const clear = () => drawLandmarks($("drawing"), {}, [], WHOLE_IMAGE);

/* Consent */

function showConsent() {
  $("about").textContent = `Record ${about.signs.map((sign) => sign.name).join(", ")}`;
  for (const name of ["signer", "folder", "manifest"]) {
    for (const place of document.querySelectorAll(`.${name}`)) place.textContent = about[name];
  }
  $("plan").textContent = `${count(about.signs.length, "sign")}, ${count(about.repetitions, "clip")} of each, ${count(about.seconds, "second")} a clip.`;
  $("no-video").hidden = about.video;
  $("with-video").hidden = !about.video;
  enter("consent");
}

async function open() {
  $("open").disabled = true;
  $("open").textContent = "Starting the webcam …";
  showMessage("");
  try {
    stream = await openCamera(() => {
      showMessage("The webcam was disconnected; connect it and reload this page. Kept clips are stored.");
      finish();
    });
    $("video").srcObject = stream;
    await $("video").play();
    $("stage").style.aspectRatio = `${$("video").videoWidth} / ${$("video").videoHeight}`;
    holistic = await openHolistic();
    next();
  } catch (error) {
    if (stream) closeCamera(stream);
    stream = null;
    showMessage(cameraProblem(error));
    $("open").disabled = false;
    $("open").textContent = "Start the webcam";
  }
}

/* One clip */

function next() {
  if (!left.length) { finish(); return; }
  const { sign, number } = left[0];
  $("sign").textContent = sign;
  $("progress").textContent = `${number} of ${about.repetitions} · ${count(left.length, "clip")} left`;
  ready();
}

function ready() {
  clip = attempt = null;
  enter("ready");
  clear();
  hint("Both hands and your face should fit into the picture.");
  watch();
}

/* Shows the landmarks while nothing is recorded. */
function watch() {
  if (watching) return;
  const mine = watching = {};
  // MediaPipe takes one image at a time.
  watched = watched.then(async () => {
    holistic.reset();
    while (watching === mine) {
      draw(await holistic.find($("video")));
      await new Promise(requestAnimationFrame);
    }
  }).catch((error) => showMessage(`MediaPipe failed: ${error.message}`));
}

function stopWatching() {
  watching = null;
  return watched;
}

async function record() {
  const mine = attempt = {};
  showMessage("");
  enter("countdown");
  hint("");
  $("count").textContent = "";
  // Finding landmarks blocks the page, and would delay the countdown on a slow computer.
  await stopWatching();
  clear();
  for (let seconds = COUNTDOWN; seconds > 0 && attempt === mine; seconds -= 1) {
    $("count").textContent = seconds;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  if (attempt !== mine) return;
  enter("recording");
  hint("Sign now.");
  try {
    clip = await capture();
  } catch (error) {
    if (state() === "done") return;
    ready();
    showMessage(error.message);
    return;
  }
  if (state() === "finding") look();
}

async function capture() {
  const video = about.video ? recordVideo(stream) : null;
  const images = await recordImages($("video"), about.seconds, (share) => { $("bar").value = share; });
  const file = video ? await video() : null;
  if (state() !== "recording") throw new Error("The recording was interrupted.");
  enter("finding");
  holistic.reset();
  const frames = await landmarksOfImages(images, holistic.find, (found) => {
    $("bar").value = found / images.length;
    hint(`Finding the landmarks of frame ${found} of ${images.length}`);
  });
  return { frames, times: Float32Array.from(images, (each) => each.time), file };
}

/* Looking */

function look() {
  const { hands, rate } = quality(clip);
  enter("look");
  $("keep").disabled = hands === 0;
  const said = `A hand was found in ${Math.round(100 * hands)}% of ${clip.frames.length} frames, ${Math.round(rate)} a second.`;
  if (hands === 0) hint(`${said} A clip without a hand cannot be kept: move your hands into the picture, and add light.`, true);
  else if (hands < FEW_HANDS) hint(`${said} Keep your hands in the picture, and add light.`, true);
  else if (Math.round(rate) < LOW_RATE) hint(`${said} The webcam is slow: add light, and close other programs.`, true);
  else hint(said);
  requestAnimationFrame((start) => replay(clip, start));
}

function replay(shown, start) {
  requestAnimationFrame(function step(now) {
    if (clip !== shown || !["look", "saving"].includes(state())) return;
    const seconds = ((now - start) / 1000) % (shown.times[shown.times.length - 1] + 0.4);
    const frame = shown.times.findLastIndex((time) => time <= seconds);
    draw(shown.frames[Math.max(0, frame)]);
    requestAnimationFrame(step);
  });
}

async function keep() {
  const { frames, times, file } = clip;
  enter("saving");
  showMessage("");
  const sign = left[0].sign;
  const query = new URLSearchParams({ sign, frames: frames.length });
  try {
    await request(`/clips?${query}`, { method: "POST", body: new Blob([...frames, times, ...(file ? [file] : [])]) });
  } catch (error) {
    if (state() === "saving") enter("look");
    showMessage(error.message);
    return;
  }
  about.signs.find((each) => each.name === sign).kept += 1;
  left.shift();
  if (state() === "saving") next();
}

function skip() {
  const { sign } = left[0];
  left = left.filter((each) => each.sign !== sign);
  next();
}

/* The end */

async function finish() {
  await stopWatching();
  if (stream) closeCamera(stream);
  stream = null;
  const kept = about.signs.reduce((sum, sign) => sum + sign.kept, 0);
  $("total").textContent = kept ? `${count(kept, "clip")} of ${about.signer}` : "No clip was kept";
  $("summary").replaceChildren(...about.signs.map(({ name, kept: clips }) => {
    const item = document.createElement("li");
    const number = document.createElement("span");
    number.textContent = clips;
    item.append(name, number);
    return item;
  }));
  enter("done");
  try {
    const { train } = await request("/about");
    $("train").textContent = train;
    $("training").hidden = !kept;
    $("one-signer").hidden = !train.endsWith("split=none");
  } catch (error) {
    showMessage(error.message);
  }
}

const KEYS = {
  ready: { " ": record },
  countdown: { Escape: ready },
  look: { Enter: () => { if (!$("keep").disabled) keep(); }, r: ready, R: ready, Backspace: ready },
};

addEventListener("keydown", (event) => {
  const action = KEYS[state()]?.[event.key];
  // A button that has the focus answers its own keys.
  if (!action || event.repeat || event.ctrlKey || event.metaKey || event.target.closest("button")) return;
  event.preventDefault();
  action();
});
$("agree").addEventListener("change", () => { $("open").disabled = !$("agree").checked; });
for (const [id, action] of Object.entries({ open, start: record, skip, finish, cancel: ready, keep, discard: ready })) {
  $(id).addEventListener("click", () => action());
}

request("/about").then((found) => {
  about = found;
  left = clipsToRecord(about.signs, about.repetitions);
  showConsent();
}).catch((error) => showMessage(error.message));
