// Compiles all TypeScript below this root ahead of time, for an image that holds no compiler: `compile.mjs ROOT`, into NORN_CODE_CACHE.
// Each file is named by its place below ROOT, as it will be by deploy/runtime/transform.mjs there.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from './transform.mjs';

const own = fileURLToPath(new URL('../..', import.meta.url));
const root = process.argv[2];
const sources = readdirSync(root, { recursive: true }).filter(
  (path) => path.endsWith('.ts') && !path.includes('node_modules/'),
);
for (const path of sources) transform(join(own, path), readFileSync(join(root, path), 'utf8'));
process.stdout.write(`${sources.length} files compiled\n`);
