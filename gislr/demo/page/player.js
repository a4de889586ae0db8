/* Plays a clip of landmarks, with the signs up to each frame. */

import { drawChart, drawLegend, drawPrediction, hasHand, linesOf, mostLikely, percent } from "./charts.js";
import { drawLandmarks, pointsOf } from "./drawing.js";
import { $ } from "./page.js";

const FRAMES_PER_SECOND = 30;
const MOST_MOMENTS = 60;
const BREATHE = 40;

/* Returns the probabilities at evenly spaced frames of a clip; null when it is no longer wanted. */
async function momentsOf(recognizer, frames, isWanted) {
  const firstHand = frames.findIndex(hasHand);
  const count = Math.min(frames.length, MOST_MOMENTS);
  const moments = [];
  let breathed = performance.now();
  for (let k = 0; k < count; k += 1) {
    const end = count === 1 ? 1 : Math.round(1 + k * (frames.length - 1) / (count - 1));
    const values = await recognizer.probabilities(frames.slice(0, end));
    moments.push({ frame: end - 1, values, hand: firstHand >= 0 && firstHand < end });
    if (performance.now() - breathed > BREATHE) {
      await new Promise((resolve) => setTimeout(resolve));
      breathed = performance.now();
    }
    if (!isWanted()) return null;
  }
  return moments;
}

/* Returns the square part of the image that holds every point. */
function viewOf(points) {
  const found = points.flat().filter(Boolean);
  if (!found.length) return { x: 0.5, y: 0.5, width: 1, height: 1 };
  const [left, right] = [Math.min(...found.map(([x]) => x)), Math.max(...found.map(([x]) => x))];
  const [top, bottom] = [Math.min(...found.map(([, y]) => y)), Math.max(...found.map(([, y]) => y))];
  const size = Math.max(right - left, bottom - top, 0.01) * 1.08;
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: size, height: size };
}

export class Player {
  constructor(about, recognizer) {
    Object.assign(this, { about, recognizer, clip: null, frame: 0, playing: false, last: 0, active: true });
    $("play").addEventListener("click", () => this.#toggle());
    $("seek").addEventListener("input", (event) => { this.playing = false; this.#go(Number(event.target.value)); });
    requestAnimationFrame((now) => this.#tick(now));
  }

  /* Computes what is shown of a clip; null when it is no longer wanted. */
  async prepare(frames, isWanted) {
    const moments = await momentsOf(this.recognizer, frames, isWanted);
    if (!moments) return null;
    const points = frames.map((frame) => pointsOf(frame, this.about.rows));
    return { points, moments, view: viewOf(points), lines: linesOf(this.about, moments) };
  }

  show(clip) {
    this.clip = clip;
    this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    $("seek").max = clip.points.length - 1;
    drawLegend(clip.lines);
    const { values, hand } = clip.moments.at(-1);
    const last = mostLikely(this.about, values);
    $("chart").setAttribute("aria-label", `Probabilities of ${clip.lines.length} signs over the clip; at its end ${last.signs[0]} has ${percent(last.probabilities[0])}`);
    // Without motion, the whole clip's answer comes first.
    this.#go(this.playing ? 0 : clip.points.length - 1);
    if (!hand) return "No hand was found in the clip.";
    return `${last.sure ? "Recognized" : "Not sure"}: ${last.signs[0]}, ${percent(last.probabilities[0])}`;
  }

  draw() {
    const { clip, frame } = this;
    if (!clip || !this.active) return;
    drawLandmarks($("drawing"), this.about.chains, clip.points[frame], clip.view);
    const { values, hand } = clip.moments.findLast((moment) => moment.frame <= frame);
    drawPrediction(mostLikely(this.about, values), hand);
    drawChart(clip.moments, clip.lines, frame);
    $("seek").value = frame;
    $("seek").setAttribute("aria-valuetext", `frame ${frame + 1} of ${clip.points.length}`);
    $("frame").textContent = `${frame + 1} / ${clip.points.length}`;
    $("until").textContent = `after ${frame + 1} frame${frame ? "s" : ""}`;
    $("play").textContent = this.playing ? "Pause" : "Play";
  }

  #go(frame) {
    this.frame = frame;
    this.draw();
  }

  #toggle() {
    if (!this.clip) return;
    this.playing = !this.playing;
    this.#go(this.playing && this.frame === this.clip.points.length - 1 ? 0 : this.frame);
  }

  #tick(now) {
    const wait = 1000 / FRAMES_PER_SECOND / Number($("speed").value);
    if (this.clip && this.playing && this.active && now - this.last >= wait - 2) {
      this.last = now;
      const end = this.clip.points.length - 1;
      if (this.frame >= end) this.playing = false;
      this.#go(Math.min(end, this.frame + 1));
    }
    requestAnimationFrame((next) => this.#tick(next));
  }
}
