/* Runs stream.js: node stream_in_node.mjs STREAM.js FRAMES.bin, settings in JSON on standard input.
 *
 * The recognizer is that of tests/test_streaming.py.
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, file] = process.argv.slice(2);
const { StreamRecognizer } = await import(pathToFileURL(script));
const { signs, threshold, times } = JSON.parse(readFileSync(0, "utf8"));
const bytes = readFileSync(file);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));

async function probabilities(frames) {
  const weights = signs.map(() => 1);
  for (const frame of frames) if (!Number.isNaN(frame[3 * 522])) weights[Math.floor(frame[3 * 522] * 1000) % signs.length] += 1;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float32Array.from(weights, (weight) => weight / total);
}

const stream = new StreamRecognizer({ signs, rejectionThreshold: threshold, probabilities });
const events = [], states = [];
for (const [k, time] of times.entries()) {
  // The page does not wait for the one before.
  stream.push(values.subarray(1629 * k, 1629 * (k + 1)), time).then((found) => {
    events.push(...found);
    states.push([stream.signing, stream.candidate && stream.candidate.signs[0]]);
  });
}
events.push(...await stream.finish());
console.log(JSON.stringify({ events, states }));
