/* Recognizes isolated signs in a running video, frame by frame. No DOM and no imports.
 *
 * gislr/inference/streaming.py takes the same steps with the same numbers: change both.
 *
 *   const stream = new StreamRecognizer({ signs, rejectionThreshold, probabilities });
 *   for (each frame) for (const event of await stream.push(landmarks, seconds)) show(event);
 *   for (const event of await stream.finish()) show(event);
 *
 * signs: the glosses, in the order of the probabilities.
 * rejectionThreshold: predictions of a lower probability are not sure; 0 for none.
 * probabilities: function of frames, an array of Float32Array(543 * 3) with NaN for what was not found;
 *   returns an array of the signs' probabilities, or a promise of one.
 * settings: replaces some of SETTINGS.
 *
 * push takes landmarks, Float32Array(543 * 3), which must not change afterwards, and the frame's time in
 *   seconds. It resolves to the events that end with the frame, mostly none. Calls are answered one after
 *   another: await each, or frames queue up.
 * event: { start, end, signs, probabilities, sure }: when the sign was made, in seconds; the five most
 *   likely ones; whether the first is sure. One event a sign.
 * signing: whether a sign is being made.
 * candidate: what it looks like so far, { signs, probabilities, sure }, or null.
 */

export const SETTINGS = {
  beginHeight: -1.5,
  endHeight: -1.8,
  quietSeconds: 0.19,
  stillSeconds: 1.0,
  stillDistance: 0.15,
  shortestSeconds: 0.3,
  longestSeconds: 4.0,
  lookSeconds: 0.2,
  recentSeconds: 0.5,
};

const TOP = 5;
const LEFT_HAND = 468, RIGHT_HAND = 522, POSE_NOSE = 489;
const SHOULDERS = [500, 501], ARMS = [[502, 504], [503, 505]];
const MOVING = [LEFT_HAND, RIGHT_HAND].flatMap((hand) => [0, 4, 8, 12, 16, 20].map((joint) => hand + joint));
const HEAD_WITHOUT_POSE = 0.2;
const APART_SECONDS = 0.005;

export class StreamRecognizer {
  constructor({ signs, rejectionThreshold = 0, probabilities, settings = {} }) {
    Object.assign(this, { signs, rejectionThreshold, probabilities });
    this.settings = { ...SETTINGS, ...settings };
    this.candidate = null;
    this.frames = [];
    this.times = [];
    this.used = 0;
    this.looks = [];
    this.other = this.anchor = this.told = null;
    this.time = this.raisedAt = this.movedAt = -Infinity;
    this.queue = Promise.resolve();
  }

  get signing() {
    return this.times.length > 0 && this.raisedAt - this.times[0] >= this.settings.shortestSeconds;
  }

  push(landmarks, time) {
    return this.#inTurn(() => this.#take(landmarks, time));
  }

  finish() {
    return this.#inTurn(() => this.#end());
  }

  #inTurn(step) {
    const answer = this.queue.then(step);
    this.queue = answer.catch(() => {});
    return answer;
  }

  async #take(landmarks, time) {
    if (!(time - this.time >= APART_SECONDS)) return [];
    this.time = time;
    const { height, head, found } = handHeight(landmarks);
    const settings = this.settings;
    const down = height < settings.endHeight;
    if (!down) {
      this.raisedAt = time;
    } else if (time - this.raisedAt >= settings.quietSeconds) {
      const events = await this.#end();
      this.anchor = this.told = null;
      return events;
    }
    const moved = this.#follow(landmarks, settings.stillDistance * head, time, down);
    if (!this.times.length && !(found && height >= settings.beginHeight && moved)) return [];
    this.frames.push(landmarks);
    this.times.push(time);
    if (!down) this.used = this.times.length;
    if (time - this.times[0] >= settings.longestSeconds) return this.#end();
    const lookedAt = this.looks.length ? this.looks.at(-1).time : -Infinity;
    if (!this.signing || time - lookedAt < settings.lookSeconds) return [];
    this.candidate = await this.#look(0);
    this.looks.push({ time, frames: this.used, found: this.candidate });
    if (this.candidate.sure && time - this.movedAt >= settings.stillSeconds) return this.#end();
    return this.#split(time - settings.recentSeconds);
  }

  /* Ends the first of two signs without a pause between them. */
  async #split(recent) {
    const before = this.looks.findLast((look) => look.time <= recent);
    const other = this.other;
    this.other = null;
    if (!before || before.frames === this.used || !before.found.sure) return [];
    const second = await this.#look(before.frames);
    if (!second.sure || second.signs[0] === before.found.signs[0]) return [];
    if (second.signs[0] !== other) {
      this.other = second.signs[0];
      return [];
    }
    const events = this.#tell(before.found, before.frames);
    this.frames = this.frames.slice(before.frames);
    this.times = this.times.slice(before.frames);
    this.used -= before.frames;
    this.looks = [];
    this.candidate = second;
    return events;
  }

  /* Tells whether the hands have moved from where they last moved. */
  #follow(landmarks, distance, time, down) {
    if (down && this.anchor) return false;
    const places = MOVING.map((row) => [landmarks[3 * row], landmarks[3 * row + 1]]);
    // A fingertip that is lost has not moved, one that appears has.
    const isMoved = ([x, y], k) => !Number.isNaN(x) && !(Math.abs(x - this.anchor[k][0]) <= distance && Math.abs(y - this.anchor[k][1]) <= distance);
    if (this.anchor && !places.some(isMoved)) return false;
    this.anchor = places;
    this.movedAt = time;
    return true;
  }

  async #end() {
    const events = this.signing ? this.#tell(await this.#look(0), this.used) : [];
    this.frames = [];
    this.times = [];
    this.used = 0;
    this.looks = [];
    this.other = this.candidate = null;
    return events;
  }

  /* Resolves to what the frames from one on look like. */
  async #look(start) {
    return mostLikely(this, await this.probabilities(this.frames.slice(start, this.used)));
  }

  /* Returns the event of some first frames; none when the sign has just been told. */
  #tell(found, frames) {
    const again = found.sure && found.signs[0] === this.told;
    if (found.sure) this.told = found.signs[0];
    return again ? [] : [{ start: this.times[0], end: this.times[frames - 1], ...found }];
  }
}

/* Returns the five most likely signs of a model { signs, rejectionThreshold }, and whether the first is sure. */
export function mostLikely({ signs, rejectionThreshold }, values) {
  const best = Array.from(values, (_, k) => k).sort((a, b) => values[b] - values[a] || a - b).slice(0, TOP);
  return {
    signs: best.map((k) => signs[k]),
    probabilities: best.map((k) => values[k]),
    sure: values[best[0]] >= rejectionThreshold,
  };
}

/* Returns the height of the higher wrist above the shoulders in heads, a head, and whether a hand is found. */
export function handHeight(landmarks) {
  const y = (row) => landmarks[3 * row + 1];
  const shoulders = (y(SHOULDERS[0]) + y(SHOULDERS[1])) / 2;
  const head = shoulders - y(POSE_NOSE);
  const wrists = [y(LEFT_HAND), y(RIGHT_HAND)];
  const found = wrists.some((place) => !Number.isNaN(place));
  if (!(head > 0)) return { height: found ? Infinity : -Infinity, head: HEAD_WITHOUT_POSE, found };
  // MediaPipe loses hands that move fast; a forearm that points up is enough to go on.
  ARMS.forEach(([elbow, wrist], k) => { if (Number.isNaN(wrists[k]) && y(wrist) < y(elbow)) wrists[k] = y(wrist); });
  const heights = wrists.filter((wrist) => !Number.isNaN(wrist)).map((wrist) => (shoulders - wrist) / head);
  return { height: Math.max(-Infinity, ...heights), head, found };
}
