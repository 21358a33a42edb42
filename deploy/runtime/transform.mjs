// Compiles one TypeScript file with swc, once for each state of its text: what was compiled lies in a folder on disk.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const options = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true, tsx: false },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: 'es2024',
    keepClassNames: true,
    experimental: { keepImportAttributes: true },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};
const optionsHash = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 8);

export const cacheFolder = process.env.NORN_CODE_CACHE ?? join(root, 'node_modules/.cache/norn');
mkdirSync(cacheFolder, { recursive: true });

let transformSync;

/** The file's JavaScript. Named by its place below the root, so that the folder can be moved along with it. */
export function transform(filename, source) {
  const place = relative(root, filename);
  const hash = createHash('sha256').update(place).update('\0').update(source).digest('hex').slice(0, 32);
  const cached = join(cacheFolder, `${hash}-${optionsHash}.mjs`);
  try {
    return readFileSync(cached, 'utf8');
  } catch {
    transformSync ??= require('@swc/core').transformSync;
    const { code } = transformSync(source, { ...options, filename });
    const temporary = `${cached}.${process.pid}`;
    writeFileSync(temporary, code);
    renameSync(temporary, cached);
    return code;
  }
}
