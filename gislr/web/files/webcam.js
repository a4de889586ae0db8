/* The webcam, and MediaPipe, which finds landmarks in the page: images never leave it. */

function load(script) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = resolve;
    element.onerror = () => reject(new Error("MediaPipe's JavaScript could not be loaded."));
    document.head.append(element);
  });
}

/* Returns MediaPipe Holistic; every image that it is sent ends in a call with its landmarks. */
export async function openHolistic(onLandmarks) {
  if (!window.Holistic) await load("/webcam/holistic.js");
  const holistic = new window.Holistic({ locateFile: (name) => `/webcam/${name}` });
  holistic.setOptions({ modelComplexity: 1, smoothLandmarks: true, refineFaceLandmarks: false });
  holistic.onResults((results) => onLandmarks(landmarksOf(results)));
  await holistic.initialize();
  return holistic;
}

/* Returns 543 times x, y, z; NaN where nothing was found. */
function landmarksOf(results) {
  const values = new Float32Array(543 * 3).fill(NaN);
  const parts = [[results.faceLandmarks, 0, 468], [results.leftHandLandmarks, 468, 21], [results.poseLandmarks, 489, 33], [results.rightHandLandmarks, 522, 21]];
  for (const [found, first, count] of parts) {
    if (found) found.slice(0, count).forEach((point, k) => values.set([point.x, point.y, point.z], 3 * (first + k)));
  }
  return values;
}

/* Returns the webcam's stream, for a video element; `onEnd` is called when it is disconnected. */
export async function openCamera(onEnd) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 } });
  for (const track of stream.getTracks()) track.onended = onEnd;
  return stream;
}

export function closeCamera(stream) {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

/* Says what went wrong while the webcam was opened. */
export function cameraProblem(error) {
  if (error.name === "NotAllowedError") return "The browser does not allow the webcam.";
  if (error.name === "NotFoundError") return "No webcam was found.";
  return `The webcam cannot be used: ${error.message}`;
}
