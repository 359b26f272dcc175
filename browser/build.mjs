// Bundles the browser halves into the static folders of the processes that serve them.
//
//   node browser/build.mjs                 all entries; a missing one is an error
//   node browser/build.mjs client words    only these
//
// The same sources give the same bytes: whoever doubts what a server hands out builds it again
// and compares. `manifest.json` beside the files holds the integrity value (W3C Subresource
// Integrity, SHA-384) that the pages put into their script tags, the parts that a file brings with
// it, and the ids of the texts that the code asks for, which are written out whole in it: the client
// page sends these and no others.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

const webFolder = "intake_server/web/static/built";
const deskFolder = "intake_server/desk/static/built";

const entries = {
  // What is needed before the first message can be sent is one file and what it shares with the
  // rest; the conversation's code is fetched later (browser/client/later.js).
  client: { source: "browser/client/main.js", folder: webFolder, parts: true },
  // The list of words is large and only needed once somebody keeps or types a phrase: the client
  // page fetches it after it can be used.
  words: { source: "browser/client/words.js", folder: webFolder },
  // Optional questions, and pictures and recordings, after the first message.
  guided: { source: "browser/client/guided.js", folder: webFolder },
  attachments: { source: "browser/client/attachments.js", folder: webFolder },
  // Messengers that join the page's conversation.
  ways: { source: "browser/client/ways.js", folder: webFolder },
  desk: { source: "browser/desk/main.js", folder: deskFolder },
};

const TEXT_ID = /"[cs]\d\d\.[a-z_]+"/g;
const PART = /(?:from|import)\s*"\.\/([\w-]+\.js)"/g;

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

function chosen(names) {
  if (names.length === 0) {
    return Object.keys(entries);
  }
  for (const name of names) {
    if (!Object.hasOwn(entries, name)) {
      stop(`There is no entry "${name}". Choose from: ${Object.keys(entries).join(", ")}.`);
    }
  }
  return names;
}

async function bundle(name) {
  const { source, folder, parts = false } = entries[name];
  if (!existsSync(path.join(root, source))) {
    stop(`${source} is missing, so "${name}" cannot be built.`);
  }
  const target = path.join(root, folder);
  const result = await build({
    absWorkingDir: root,
    entryPoints: { [name]: source },
    outdir: target,
    bundle: true,
    splitting: parts,
    chunkNames: `${name}-[hash]`,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2020",
    charset: "utf8",
    sourcemap: false,
    // The licences of what is bundled ask for their notice to stay.
    legalComments: "eof",
    logLevel: "warning",
  });
  await mkdir(target, { recursive: true });
  await removeParts(target, name);
  const files = [];
  for (const { path: file, contents } of result.outputFiles) {
    const bytes = Buffer.from(contents);
    await writeFile(file, bytes);
    await writeFile(`${file}.br`, brotliCompressSync(bytes));
    files.push({ file: path.relative(root, file), bytes });
  }
  return files;
}

/** Parts of an earlier build, whose names hold the hash of their content. */
async function removeParts(target, name) {
  for (const file of await readdir(target)) {
    if (file.startsWith(`${name}-`)) {
      await rm(path.join(target, file));
    }
  }
}

async function writeManifest(folder) {
  const manifest = {};
  const files = (await readdir(path.join(root, folder))).filter((file) => file.endsWith(".js"));
  for (const file of files.sort()) {
    const bytes = await readFile(path.join(root, folder, file));
    const digest = createHash("sha384").update(bytes).digest("base64");
    const texts = [...new Set(bytes.toString().match(TEXT_ID))].map((id) => id.slice(1, -1)).sort();
    // Parts that are fetched with it; what comes later is imported by a call.
    const imports = [...bytes.toString().matchAll(PART)].map(([, part]) => part).sort();
    manifest[file] = { bytes: bytes.length, integrity: `sha384-${digest}`, texts, imports };
  }
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await writeFile(path.join(root, folder, "manifest.json"), text);
}

function printSizes(built) {
  const width = Math.max(...built.map(({ file }) => file.length));
  const cell = (value) => String(value).padStart(9);
  console.log(`${"file".padEnd(width)}${cell("bytes")}${cell("gzip")}${cell("brotli")}`);
  for (const { file, bytes } of built) {
    const gzip = gzipSync(bytes, { level: 9 }).length;
    const brotli = brotliCompressSync(bytes).length;
    console.log(`${file.padEnd(width)}${cell(bytes.length)}${cell(gzip)}${cell(brotli)}`);
  }
}

const names = chosen(process.argv.slice(2));
const built = [];
for (const name of names) {
  built.push(...(await bundle(name)));
}
for (const folder of new Set(names.map((name) => entries[name].folder))) {
  await writeManifest(folder);
}
printSizes(built);
