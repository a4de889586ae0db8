/* Recognizes sign after sign in the webcam or a video. */

import { drawPrediction, percent } from "./charts.js";
import { WHOLE_IMAGE, drawLandmarks, pointsOf } from "./drawing.js";
import { $ } from "./page.js";
import { StreamRecognizer } from "./stream.js";
import { closeCamera, nextImage, openCamera } from "./webcam.js";

const VIDEO_STEP = 1 / 30;
/* MediaPipe wants times that grow, also from one video to the next. */
const APART = 1000;
/* The images of which the rate is shown; the first of all takes longer. */
const RECENT = 30;
/* So many images without a person are no accident. */
const MISSING = 10;

export class Live {
  /* `holistic` is a promise of MediaPipe. */
  constructor(about, recognizer, holistic) {
    Object.assign(this, { about, recognizer, holistic, running: null, clock: 0, ended: Promise.resolve() });
  }

  /* Follows the webcam until `stop`; resolves then. */
  webcam(onStart, onLost) {
    return this.#follow(async (video, mine) => {
      mine.stream = await openCamera(onLost);
      video.srcObject = mine.stream;
      await video.play();
    }, webcamImages, onStart);
  }

  /* Follows a video file to its end, every image of 30 a second; resolves to whether a person was found. */
  file(file, onStart) {
    return this.#follow(async (video, mine) => {
      mine.address = URL.createObjectURL(file);
      video.src = mine.address;
      await loaded(video);
    }, videoImages, onStart);
  }

  /* Stops, and resolves when MediaPipe is free. */
  stop() {
    this.running = null;
    return this.ended;
  }

  async #follow(open, images, onStart) {
    await this.stop();
    const mine = this.running = { seen: false };
    const isWanted = () => this.running === mine;
    const video = $("video");
    const work = (async () => {
      try {
        await open(video, mine);
        const holistic = await this.holistic;
        if (!isWanted()) return;
        $("stage").style.setProperty("--ratio", video.videoWidth / video.videoHeight);
        $("events").replaceChildren();
        drawPrediction(null);
        onStart();
        holistic.reset();
        await this.#recognize(images(video, isWanted), holistic, mine, isWanted);
      } finally {
        if (isWanted()) this.running = null;
        if (mine.stream) closeCamera(mine.stream);
        if (mine.address) URL.revokeObjectURL(mine.address);
        video.srcObject = null;
        video.removeAttribute("src");
      }
    })();
    this.ended = work.catch(() => {});
    await work;
    return mine.seen;
  }

  async #recognize(images, holistic, mine, isWanted) {
    const { about, recognizer } = this;
    const stream = new StreamRecognizer({
      signs: about.signs, rejectionThreshold: about.rejection_threshold, probabilities: recognizer.probabilities,
    });
    const start = this.clock;
    const moments = [];
    let missing = 0;
    for await (const { time, share } of images) {
      this.clock = start + APART + 1000 * time;
      const landmarks = await holistic.find($("video"), this.clock);
      if (!isWanted()) break;
      drawLandmarks($("drawing"), about.chains, pointsOf(landmarks, about.rows), WHOLE_IMAGE);
      for (const event of await stream.push(landmarks, time)) addEvent(event);
      if (stream.candidate) drawPrediction(stream.candidate);
      const found = landmarks.some((value) => !Number.isNaN(value));
      mine.seen ||= found;
      missing = found ? 0 : missing + 1;
      hint(missing > MISSING ? "No person is visible." : "Only one person is followed.");
      $("progress").value = share;
      moments.push(performance.now());
      if (moments.length > RECENT) moments.shift();
      if (moments.length > 1) {
        const rate = 1000 * (moments.length - 1) / (moments.at(-1) - moments[0]);
        $("rate").textContent = `${rate.toFixed(rate < 5 ? 1 : 0)} frames a second`;
      }
    }
    for (const event of await stream.finish()) addEvent(event);
  }
}

/* A text that is set again would be read out again. */
function hint(text) {
  if ($("hint").textContent !== text) $("hint").textContent = text;
}

function addEvent(event) {
  drawPrediction(event);
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = clock(event.start);
  const sign = document.createElement("span");
  sign.textContent = event.sure ? event.signs[0] : `not sure: ${event.signs[0]}`;
  sign.className = event.sure ? "sign" : "sign faint";
  const value = document.createElement("span");
  value.textContent = percent(event.probabilities[0]);
  item.append(time, sign, value);
  $("events").prepend(item);
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
}

async function* webcamImages(video, isWanted) {
  let start = null;
  while (isWanted()) {
    const now = await new Promise((resolve) => nextImage(video, () => resolve(performance.now() / 1000)));
    start ??= now;
    yield { time: now - start, share: 0 };
  }
}

async function* videoImages(video, isWanted) {
  const images = Math.max(1, Math.floor(video.duration / VIDEO_STEP));
  for (let k = 0; k < images && isWanted(); k += 1) {
    await seek(video, k * VIDEO_STEP);
    yield { time: k * VIDEO_STEP, share: (k + 1) / images };
  }
}

async function loaded(video) {
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(new Error("The browser cannot play this video; convert it to MP4 or WebM."));
  });
  if (!video.videoWidth) throw new Error("The file holds no images, only sound.");
  // Browsers record videos without their duration, and know it at the end.
  if (video.duration === Infinity) await seek(video, 1e9);
}

function seek(video, seconds) {
  return new Promise((resolve, reject) => {
    video.onseeked = resolve;
    video.onerror = () => reject(new Error("The video is broken; it was recognized up to here."));
    video.currentTime = seconds;
  });
}
