// Writes the word lists as modules, from the text files that Python reads.
//
//   node browser/phrase/make-words.mjs
//
// Run it after a change to a list; tests/house/test_words.py compares.

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

const modules = [
  { source: "vault/words/phrase.en.txt", target: "browser/phrase/words.js", name: "WORDS" },
  { source: "vault/words/mark.en.txt", target: "browser/desk/mark_words.js", name: "MARK_WORDS" },
];

for (const { source, target, name } of modules) {
  const words = (await readFile(path.join(root, source), "utf8")).trim().split("\n");
  const text =
    `// Made by browser/phrase/make-words.mjs from ${source}.\n` +
    `export const ${name} = "${words.join(" ")}".split(" ");\n`;
  await writeFile(path.join(root, target), text);
}
