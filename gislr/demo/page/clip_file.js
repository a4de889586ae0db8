/* Reads a clip's landmarks from a parquet file, as gislr and the Kaggle set write it. */

import { parquetMetadata, parquetRead } from "./hyparquet/src/index.js";

const ROWS = 543;
const MOST_FRAMES = 10000;
const MOST_MEGABYTES = 64;
const AXES = ["x", "y", "z"];
const ORDER = "landmark_index";
const GROUPS = [468, 21, 33, 21];
const SUPPORTED = ["UNCOMPRESSED", "SNAPPY"];

/* Returns a clip as an array of Float32Array(543 * 3), NaN for what was not found. */
export async function readClip(buffer) {
  if (buffer.byteLength > MOST_MEGABYTES * 2 ** 20) {
    throw new Error(`A clip may have ${MOST_MEGABYTES} MB; this one has ${Math.round(buffer.byteLength / 2 ** 20)}.`);
  }
  const metadata = footer(buffer);
  const rows = Number(metadata.num_rows);
  const columns = metadata.row_groups.flatMap((group) => group.columns.map((column) => column.meta_data));
  const names = new Set(columns.map((column) => column.path_in_schema.join(".")));
  if (![...AXES, ORDER].every((name) => names.has(name))) throw new Error(`A clip needs the columns ${ORDER}, x, y and z; this file lacks one.`);
  const codec = columns.map((column) => column.codec).find((name) => !SUPPORTED.includes(name));
  if (codec) throw new Error(`This page reads parquet files compressed by Snappy; this one is by ${codec}.`);
  if (!rows || rows % ROWS) throw new Error(`A clip has ${ROWS} rows a frame; this file has ${rows} rows.`);
  if (rows / ROWS > MOST_FRAMES) throw new Error(`A clip has at most ${MOST_FRAMES.toLocaleString("en")} frames; cut it into signs.`);
  const frames = Array.from({ length: rows / ROWS }, () => new Float32Array(ROWS * 3).fill(NaN));
  const order = new Array(rows);
  const take = ({ columnName, columnData, rowStart }) => {
    const axis = AXES.indexOf(columnName);
    for (let k = 0; k < columnData.length; k += 1) {
      const [row, value] = [rowStart + k, columnData[k]];
      if (axis < 0) order[row] = Number(value);
      else if (value !== null && value !== undefined) frames[Math.floor(row / ROWS)][3 * (row % ROWS) + axis] = value;
    }
  };
  try {
    await parquetRead({ file: buffer, metadata, columns: [...AXES, ORDER], onChunk: take });
  } catch {
    throw new Error("The parquet file is broken; write it again.");
  }
  requireOrder(order);
  requireLandmarks(frames);
  return frames;
}

function footer(buffer) {
  try {
    return parquetMetadata(buffer);
  } catch {
    throw new Error("A clip must be a parquet file or a video; this is neither.");
  }
}

function requireOrder(order) {
  const expected = GROUPS.flatMap((size) => Array.from({ length: size }, (_, k) => k));
  if (!order.every((number, row) => number === expected[row % ROWS])) {
    throw new Error("A frame's rows must be face (468), left_hand (21), pose (33), right_hand (21); these are in another order.");
  }
}

function requireLandmarks(frames) {
  if (frames.some((frame) => frame.some((value) => Math.abs(value) === Infinity))) throw new Error("Landmarks must be finite; this file holds infinity.");
  if (frames.every((frame) => frame.every(Number.isNaN))) throw new Error("A clip must hold landmarks; every one of this file is missing.");
}
