// Copies what the compiled program reads at run time beside it: the proto file.
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
cpSync(`${root}proto`, `${root}dist/proto`, { recursive: true });
