/* The webcam, and MediaPipe, which finds landmarks in the page: images never leave it. */

const FILES = new URL("./mediapipe/", import.meta.url);

function load(script) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = resolve;
    element.onerror = () => reject(new Error("MediaPipe's JavaScript could not be loaded."));
    document.head.append(element);
  });
}

/*
 * Returns MediaPipe Holistic: `find(image, milliseconds)` resolves to the landmarks of the next image
 * of a video, `reset()` starts another one. One image at a time.
 */
export async function openHolistic() {
  if (!document.createElement("canvas").getContext("webgl2")) {
    throw new Error("MediaPipe needs WebGL 2, which this browser does not offer.");
  }
  if (!window.Holistic) await load(new URL("holistic.js", FILES));
  const holistic = new window.Holistic({ locateFile: (name) => new URL(name, FILES).href });
  let found = null;
  holistic.setOptions({ modelComplexity: 1, smoothLandmarks: true, refineFaceLandmarks: false });
  holistic.onResults((results) => { found = landmarksOf(results); });
  await holistic.initialize();
  return {
    reset: () => holistic.reset(),
    find: async (image, milliseconds) => {
      found = null;
      await holistic.send({ image }, milliseconds);
      if (!found) throw new Error("MediaPipe gave no answer.");
      return found;
    },
  };
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
  if (!navigator.mediaDevices) throw new Error("browsers give it only to pages of this machine and to https.");
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

/* Calls back with the time, in seconds, of the video's next image. */
export function nextImage(video, callback) {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback((_, image) => callback(image.mediaTime));
  else requestAnimationFrame(() => callback(video.currentTime));
}

/* Says what went wrong while the webcam was opened. */
export function cameraProblem(error) {
  if (error.name === "NotAllowedError") return "The browser does not allow the webcam; allow it in the address bar.";
  if (error.name === "NotFoundError") return "No webcam was found; connect one, or open a video.";
  if (error.name === "NotReadableError") return "The webcam is in use; close the other program that uses it.";
  return `The webcam cannot be used: ${error.message}`;
}
