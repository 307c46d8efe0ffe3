// Weighs the app: the WebAssembly and its glue, compressed as a server would, with an empty shelf and for the shelves named.
// node app/size.mjs [shelf ...]     e.g. node app/size.mjs transactions queues

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, "target/wasm32-unknown-unknown/site");
const wasmOpt = join(root, "tests/browser/node_modules/binaryen/bin/wasm-opt");

function run(command, ...args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`${command} failed`);
}

/** The parameters of wasm-opt that the site is built with. */
function parameters() {
  const page = readFileSync(join(root, "index.html"), "utf8");
  const [, level] = page.match(/data-wasm-opt="([^"]*)"/);
  const [, more] = page.match(/data-wasm-opt-params="([^"]*)"/);
  return [`-O${level}`, ...more.split(" ")];
}

function weigh(name, file) {
  const out = join(root, "target/size", name);
  run("wasm-bindgen", "--target", "web", "--no-typescript", "--out-dir", out, file);
  const wasm = join(out, `${name}_bg.wasm`);
  run(wasmOpt, ...parameters(), "-o", wasm, wasm);
  const brotli = (path) => (brotliCompressSync(readFileSync(path)).length / 1000).toFixed(1);
  console.log(`${name}: wasm ${(statSync(wasm).size / 1000).toFixed(0)} KB, ${brotli(wasm)} KB brotli; glue ${brotli(join(out, `${name}.js`))} KB brotli`);
}

const shelves = process.argv.slice(2);
const bins = shelves.flatMap((shelf) => ["--bin", shelf]);
run("cargo", "build", "--quiet", "-p", "faultline-app", "--target", "wasm32-unknown-unknown", "--profile", "site", "--example", "empty", ...bins);
weigh("empty", join(target, "examples/empty.wasm"));
for (const shelf of shelves) weigh(shelf, join(target, `${shelf}.wasm`));
