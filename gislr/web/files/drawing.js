/* Draws landmarks on canvases. */

const PARTS = { "lips": "--lips", "left hand": "--left", "right hand": "--right", "left arm": "--arm", "right arm": "--arm" };

export const WHOLE_IMAGE = { x: 0.5, y: 0.5, width: 1, height: 1 };

export function color(name, element = document.documentElement) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/* Returns a context that draws in the page's units, with as many pixels as the screen has. */
export function contextOf(canvas) {
  const [width, height, scale] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.lineCap = context.lineJoin = "round";
  return { context, width, height };
}

/* A missing point interrupts the line. */
export function drawLine(context, places) {
  context.beginPath();
  let down = false;
  for (const place of places) {
    if (place) { if (down) context.lineTo(...place); else context.moveTo(...place); }
    down = Boolean(place);
  }
  context.stroke();
}

/* Returns the drawn landmarks of a frame's 543 as [x, y], or null for one that is missing. */
export function pointsOf(values, rows) {
  return rows.map((row) => (Number.isNaN(values[3 * row]) ? null : [values[3 * row], values[3 * row + 1]]));
}

/* Draws a frame; the view is the part of the image that fills the canvas. */
export function drawLandmarks(canvas, chainsOfParts, points, view) {
  const { context, width, height } = contextOf(canvas);
  const place = ([x, y]) => [((x - view.x) / view.width + 0.5) * width, ((y - view.y) / view.height + 0.5) * height];
  context.lineWidth = 2.5;
  for (const [part, chains] of Object.entries(chainsOfParts)) {
    context.strokeStyle = color(PARTS[part], canvas);
    for (const chain of chains) drawLine(context, chain.map((k) => points[k] && place(points[k])));
  }
}
