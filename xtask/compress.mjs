// Writes compressed copies next to the files of a folder: NAME.br and NAME.gz, for hosts that send them as they are. A
// file that would hardly shrink gets no copy. Prints how much there was, and how much is sent.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const LEAST = 1024;
const TEXT = /\.(html|css|js|wasm|svg|json)$/;
const [folder] = process.argv.slice(2);

async function compress(file) {
  const body = await readFile(file);
  if (body.length < LEAST) return [body.length, body.length];
  const hint = { [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
  const [br, gz] = await Promise.all([promisify(brotliCompress)(body, { params: hint }), promisify(gzip)(body, { level: 9 })]);
  await Promise.all([writeFile(`${file}.br`, br), writeFile(`${file}.gz`, gz)]);
  return [body.length, br.length];
}

const entries = await readdir(folder, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile() && TEXT.test(entry.name)).map((entry) => join(entry.parentPath, entry.name));
const sizes = await Promise.all(files.map(compress));
const total = (at) => Math.round(sizes.reduce((sum, size) => sum + size[at], 0) / 1000);
console.log(`${files.length} files, ${total(0)} KB, ${total(1)} KB compressed`);
