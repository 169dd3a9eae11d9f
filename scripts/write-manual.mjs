// Writes the generated parts of the manual pages: what lies between the two marks. Needs a build.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { manualCommands } from '../dist/cmd/cria/cli/manual-commands.js';
import { manualOptions } from '../dist/internal/config/manual-options.js';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));

function replacePart(page, text) {
  const before = readFileSync(`${docs}${page}`, 'utf8');
  const part = /(<!-- begin: made by scripts\/write-manual\.mjs -->\n).*(<!-- end -->\n)/s;
  if (!part.test(before)) throw new Error(`${page} has no marks for its generated part`);
  writeFileSync(
    `${docs}${page}`,
    before.replace(part, (_, begin, end) => `${begin}${text}${end}`),
  );
}

replacePart('cria.conf.5.md', manualOptions());
replacePart('cria.8.md', manualCommands());
