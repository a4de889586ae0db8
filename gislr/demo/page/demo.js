/* Loads the model, and shows what is chosen: a sample clip, a file, the webcam. */

import { Live } from "./live.js";
import { $, download, showMessage } from "./page.js";
import { Player } from "./player.js";
import { openRecognizer } from "./recognizer.js";
import { cameraProblem, openHolistic } from "./webcam.js";

const OWN = "own";
/* Its many files are loaded beside the model. */
const clipFile = import("./clip_file.js");

let about = null;
let recognizer = null;
let player = null;
let live = null;
let choices = 0;
let shown = "";
let own = null;
const samples = new Map();

function view(name) {
  document.body.dataset.view = name;
  for (const part of document.querySelectorAll("[data-in]")) part.hidden = !part.dataset.in.split(" ").includes(name);
  player.active = name === "clip";
  $("webcam").textContent = name === "clip" ? "Use the webcam" : `Stop the ${name}`;
  // Every clip can be chosen then, also the one before.
  $("samples").value = name === "clip" ? shown : "";
  $("rate").textContent = "";
  $("hint").textContent = "";
}

async function readClip(buffer) {
  return (await clipFile).readClip(buffer);
}

function sampleOf(k) {
  const { file } = about.samples[k];
  if (!samples.has(k)) samples.set(k, download(`./${file}`).then((answer) => answer.arrayBuffer()).then(readClip));
  return samples.get(k);
}

/* Shows the last of several choices in a row; what was shown stays where one fails. */
async function choose(work, name = "") {
  const mine = ++choices;
  showMessage("");
  $("status").textContent = "Recognizing …";
  try {
    await work(() => mine === choices);
  } catch (error) {
    if (mine !== choices) return;
    $("status").textContent = "";
    if (document.body.dataset.view !== "clip") showClip(null);
    showMessage(name ? `${name}: ${error.message}` : error.message);
  }
  if (mine === choices && document.body.dataset.view === "clip") $("samples").value = shown;
}

async function openClip(key, frames, isWanted) {
  const clip = await player.prepare(frames, isWanted);
  if (!clip) return;
  await live?.stop();
  if (!isWanted()) return;
  shown = key;
  showClip(clip);
}

/* Shows a clip, or the last one once more. */
function showClip(clip) {
  view("clip");
  $("stage").style.removeProperty("--ratio");
  if (clip) $("status").textContent = player.show(clip);
  else player.draw();
  showSpeed();
}

function openFile(file) {
  if (file.type.startsWith("video/")) choose((isWanted) => followVideo(file, isWanted), file.name);
  else choose(async (isWanted) => {
    const frames = await readClip(await file.arrayBuffer());
    if (!isWanted()) return;
    own = frames;
    $("samples").querySelector(`[value=${OWN}]`)?.remove();
    $("samples").add(new Option(file.name, OWN));
    await openClip(OWN, frames, isWanted);
  }, file.name);
}

async function followVideo(file, isWanted) {
  $("status").textContent = "Opening the video …";
  const seen = await live.file(file, () => {
    view("video");
    $("status").textContent = `Recognizing ${file.name} …`;
  });
  if (!isWanted()) return;
  const count = $("events").children.length;
  $("status").textContent = seen ? `${count} sign${count === 1 ? "" : "s"} recognized in ${file.name}.` : `No person was found in ${file.name}.`;
  $("hint").textContent = "";
  $("webcam").textContent = "Use the webcam";
}

async function followWebcam(isWanted) {
  $("status").textContent = "Starting the webcam …";
  try {
    await live.webcam(() => {
      view("webcam");
      $("status").textContent = "Sign, and lower your hands after each sign.";
    }, () => { stop(); showMessage("The webcam was disconnected."); });
  } catch (error) {
    throw new Error(cameraProblem(error));
  }
}

async function stop() {
  choices += 1;
  await live.stop();
  $("status").textContent = "";
  showClip(null);
}

function showSpeed() {
  if (recognizer?.milliseconds) $("speed-of-model").textContent = `${recognizer.milliseconds.toFixed(recognizer.milliseconds < 10 ? 1 : 0)} ms a prediction`;
}

function listen() {
  const choice = () => {
    const key = $("samples").value;
    choose(async (isWanted) => openClip(key, key === OWN ? own : await sampleOf(Number(key)), isWanted));
  };
  $("samples").addEventListener("change", choice);
  $("file").addEventListener("change", (event) => { if (event.target.files[0]) openFile(event.target.files[0]); event.target.value = ""; });
  $("webcam").addEventListener("click", () => { if (live.running) stop(); else choose(followWebcam); });
  addEventListener("resize", () => player.draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => player.draw());
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
  setInterval(showSpeed, 500);
}

/* Loads everything else, so that the page works without a network afterwards. */
async function loadTheRest() {
  const holistic = openHolistic();
  holistic.catch(() => {}); // reported when it is needed
  live = new Live(about, recognizer, holistic);
  for (const control of [$("file"), $("webcam")]) control.disabled = false;
  await Promise.all([holistic, ...about.samples.map((_, k) => sampleOf(k))]);
  $("offline").textContent = "works without a network now";
  document.body.dataset.state = "offline";
}

async function start() {
  about = await (await download("./about.json")).json();
  document.title = `${about.title}: sign recognition`;
  $("about").textContent = `${about.title} · ${about.signs.length} signs`;
  $("known").replaceChildren(...[...about.signs].sort().map((sign) => {
    const item = document.createElement("li");
    item.textContent = sign;
    return item;
  }));
  recognizer = await openRecognizer(about);
  const { startTime } = performance.mark("ready");
  $("ready").textContent = `Ready after ${(startTime / 1000).toFixed(1)} s`;
  document.body.dataset.state = "ready";
  player = new Player(about, recognizer);
  $("samples").replaceChildren(...about.samples.map(({ name }, k) => new Option(name, k)));
  $("samples").disabled = false;
  view("clip");
  listen();
  if (about.samples.length) await choose(async (isWanted) => openClip("0", await sampleOf(0), isWanted));
  await loadTheRest();
}

start().catch((error) => {
  if (document.body.dataset.state !== "loading") return;
  $("status").textContent = "";
  showMessage(error.message);
});
