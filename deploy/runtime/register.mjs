// Lets Node run the TypeScript sources as they are: swc per file, cached on disk by content. `node --import` this file.
import { readFileSync } from 'node:fs';
import { enableCompileCache, registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, transform } from './transform.mjs';

// What was compiled once is not compiled again: a command starts a fifth sooner. The launcher forbids it to all (`norn`), since others keep theirs
// where anybody may put his first; ours lies beside the sources.
const forbidden = process.env.NODE_DISABLE_COMPILE_CACHE;
delete process.env.NODE_DISABLE_COMPILE_CACHE;
enableCompileCache(join(cacheFolder, 'compiled'));
if (forbidden !== undefined) process.env.NODE_DISABLE_COMPILE_CACHE = forbidden;

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/'))
      return nextLoad(url, context);
    const filename = fileURLToPath(url);
    return { format: 'module', shortCircuit: true, source: transform(filename, readFileSync(filename, 'utf8')) };
  },
});
