/* Records a clip's images first and finds their landmarks afterwards. */

import { nextImage } from "./webcam.js";

const FRAMES_PER_SECOND = 30;
/* A webcam that gives nothing for so long has stopped. */
const PATIENCE = 3000;

/*
 * Returns the images of so many seconds, each with its time; of faster webcams, 30 a second. Finding
 * landmarks meanwhile would block the page and lose images.
 */
export function recordImages(video, seconds, onProgress) {
  return new Promise((resolve, reject) => {
    const images = [];
    let [start, last, alive] = [null, -1, null];
    const end = () => {
      clearTimeout(alive);
      if (images.length > 1) resolve(images);
      else reject(new Error("The webcam gave no images; start it again by reloading this page."));
    };
    const take = (time) => {
      clearTimeout(alive);
      alive = setTimeout(end, PATIENCE);
      start ??= time;
      if (time - start >= seconds) return end();
      if (time - last > 0.75 / FRAMES_PER_SECOND) {
        images.push({ time: time - start, image: createImageBitmap(video) });
        last = time;
      }
      onProgress((time - start) / seconds);
      nextImage(video, take);
    };
    alive = setTimeout(end, PATIENCE);
    nextImage(video, take);
  });
}

/* Records the same seconds as WebM; returns a function that ends it and returns the file. */
export function recordVideo(stream) {
  if (!window.MediaRecorder?.isTypeSupported("video/webm")) {
    throw new Error("This browser records no WebM; use Chrome or Firefox, or video=false.");
  }
  const recorder = new MediaRecorder(stream, { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start();
  return () => new Promise((resolve) => {
    recorder.onstop = () => resolve(new Blob(parts));
    recorder.stop();
  });
}

/* Returns the landmarks of each image; `find` finds those of a canvas. */
export async function landmarksOfImages(images, find, onProgress) {
  const canvas = document.createElement("canvas");
  const found = [];
  for (const { image } of images) {
    const bitmap = await image;
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    found.push(await find(canvas));
    onProgress(found.length);
    await new Promise(requestAnimationFrame);
  }
  return found;
}

const HANDS = [468, 522];

/* Returns what tells whether a clip is worth keeping. */
export function quality(clip) {
  const { frames, times } = clip;
  const withHand = frames.filter((values) => HANDS.some((row) => !Number.isNaN(values[3 * row]))).length;
  return { hands: withHand / frames.length, rate: (frames.length - 1) / times[times.length - 1] };
}
