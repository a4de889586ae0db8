/* The most likely signs as bars, and over time as lines. */

import { color, contextOf, drawLine } from "./drawing.js";
import { $ } from "./page.js";
import { mostLikely as bestOf } from "./stream.js";

const MOST_LINES = 7;
const LOWEST_LINE = 0.02;
const HANDS = [...Array(21).keys()].flatMap((k) => [468 + k, 522 + k]);

export const percent = (value) => `${(100 * value).toFixed(value >= 0.0005 && value < 0.0995 ? 1 : 0)}%`;

export function hasHand(frame) {
  return HANDS.some((row) => !Number.isNaN(frame[3 * row]));
}

/* Returns the most likely signs of the page's model. */
export function mostLikely(about, values) {
  return bestOf({ signs: about.signs, rejectionThreshold: about.rejection_threshold }, values);
}

/* Shows the most likely signs; none where there is no prediction. */
export function drawPrediction(found, hand = true) {
  const shown = found && hand;
  $("result").textContent = shown ? found.signs[0] : "–";
  $("result").classList.toggle("faint", !shown || !found.sure);
  if (!found) $("doubt").textContent = "";
  else if (!hand) $("doubt").textContent = "No hand was found so far: the signs mean nothing.";
  else $("doubt").textContent = found.sure ? percent(found.probabilities[0]) : "Not sure: it may be none of the signs.";
  const list = $("bars");
  const signs = found ? found.signs : [];
  while (list.children.length < signs.length) list.append(bar());
  while (list.children.length > signs.length) list.lastChild.remove();
  signs.forEach((sign, k) => {
    const [name, track, value] = list.children[k].children;
    name.textContent = name.title = sign;
    track.firstChild.style.width = `${100 * found.probabilities[k]}%`;
    value.textContent = percent(found.probabilities[k]);
  });
}

function bar() {
  const item = document.createElement("li");
  for (const kind of ["name", "track", "value"]) {
    const part = document.createElement("span");
    part.className = kind;
    item.append(part);
  }
  item.children[1].append(document.createElement("span"));
  return item;
}

/* Returns a line for each sign that is ever likely, the highest first; before the first hand is a gap. */
export function linesOf(about, moments) {
  const highest = new Map();
  for (const { values, hand } of moments) {
    if (!hand) continue;
    for (const sign of mostLikely(about, values).signs) {
      const k = about.signs.indexOf(sign);
      highest.set(k, Math.max(highest.get(k) ?? 0, values[k]));
    }
  }
  const best = [...highest].sort((a, b) => b[1] - a[1]).filter(([, value], k) => !k || value >= LOWEST_LINE).slice(0, MOST_LINES);
  return best.map(([k]) => ({ sign: about.signs[k], probabilities: moments.map(({ values, hand }) => (hand ? values[k] : null)) }));
}

export function drawLegend(lines) {
  $("legend").replaceChildren(...lines.map(({ sign }, k) => {
    const item = document.createElement("li");
    const mark = document.createElement("i");
    mark.style.background = `var(--line-${k + 1})`;
    item.append(mark, sign);
    item.title = sign;
    return item;
  }));
}

/* Draws the lines over a clip's frames, and where it stands. */
export function drawChart(moments, lines, at) {
  const { context, width, height } = contextOf($("chart"));
  const [left, right, top, bottom] = [44, width - 6, 8, height - 24];
  const [start, end] = [moments[0].frame, moments.at(-1).frame];
  const x = (frame) => left + (frame - start) / Math.max(1, end - start) * (right - left);
  const y = (fraction) => bottom - fraction * (bottom - top);
  context.font = "13px system-ui, sans-serif";
  context.fillStyle = color("--faint");
  context.strokeStyle = color("--line");
  for (const fraction of [0, 0.5, 1]) {
    drawLine(context, [[left, y(fraction)], [right, y(fraction)]]);
    context.fillText(`${100 * fraction}%`, 0, y(fraction) + 4);
  }
  context.fillText("frame 1", left, height - 5);
  context.textAlign = "right";
  context.fillText(String(end + 1), right, height - 5);
  context.lineWidth = 2.5;
  // The most likely sign comes last, on top.
  for (let k = lines.length - 1; k >= 0; k -= 1) {
    context.strokeStyle = color(`--line-${k + 1}`);
    drawLine(context, lines[k].probabilities.map((value, number) => (value === null ? null : [x(moments[number].frame), y(value)])));
  }
  context.strokeStyle = color("--text");
  context.lineWidth = 1.5;
  drawLine(context, [[x(at), top], [x(at), bottom]]);
}
