/* Runs the model in the page, by LiteRT. */

import { Tensor, loadAndCompile, loadLiteRt } from "./litert/dist/index.js";
import { download } from "./page.js";

const VALUES = 543 * 3;
/* An empty function that uses a vector instruction. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/*
 * Returns the model: `probabilities(frames)` resolves to those of about.signs for a clip, an array of
 * Float32Array(543 * 3) with NaN for what was not found; `milliseconds` is what one takes at present.
 */
export async function openRecognizer(about) {
  if (!globalThis.WebAssembly?.validate(SIMD)) {
    throw new Error("This page needs a browser with WebAssembly SIMD, as all have had since 2023; update it.");
  }
  const [content] = await Promise.all([
    download("./model.tflite").then((answer) => answer.arrayBuffer()),
    loadLiteRt(new URL("./litert/wasm/", import.meta.url).href),
  ]);
  const model = await loadAndCompile(new Uint8Array(content), { accelerator: "wasm" });
  const signature = model.signatures.fixed_length;
  const inputs = new Float32Array(about.frames * VALUES);
  const recognizer = { probabilities, milliseconds: 0 };
  let last = Promise.resolve();

  function probabilities(frames) {
    const answer = last.then(() => run(thin(frames, about.frames)));
    last = answer.catch(() => {});
    return answer;
  }

  async function run(frames) {
    const start = performance.now();
    inputs.fill(0);
    frames.forEach((frame, k) => inputs.set(frame, k * VALUES));
    const given = {
      inputs: new Tensor(inputs, [about.frames, 543, 3]),
      length: new Tensor(new Int32Array([frames.length]), []),
    };
    const { outputs } = await signature.run(given);
    const found = Float32Array.from(outputs.toTypedArray());
    for (const tensor of [given.inputs, given.length, outputs]) tensor.delete();
    const took = performance.now() - start;
    recognizer.milliseconds = recognizer.milliseconds ? 0.9 * recognizer.milliseconds + 0.1 * took : took;
    return found;
  }

  // Once more than its caller asks for: the first run is slow.
  const found = await probabilities([new Float32Array(VALUES).fill(NaN)]);
  if (found.length !== about.signs.length) {
    throw new Error(`The model knows ${found.length} signs, but about.json names ${about.signs.length}; export the page once more.`);
  }
  recognizer.milliseconds = 0;
  return recognizer;
}

/* Returns evenly spaced frames of a clip that is too long. */
export function thin(frames, most) {
  if (frames.length <= most) return frames;
  const step = (frames.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, k) => frames[Math.round(k * step)]);
}
