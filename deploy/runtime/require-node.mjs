// Says which Node.js is needed, before something fails that does not say so. In plain JavaScript, which older ones read too.
import { readFileSync } from 'node:fs';

const wanted = readFileSync(new URL('../../.nvmrc', import.meta.url), 'utf8').trim();

/** Ends the process when this Node.js is too old. */
export function requireNode() {
  const major = (version) => Number(version.split('.')[0]);
  if (major(process.versions.node) >= major(wanted)) return;
  const cure = `\`nvm use\`, or ./norn check and ./norn test, which fetch Node.js ${wanted} themselves`;
  process.stderr.write(`Norn needs Node.js ${major(wanted)} or later; this is ${process.versions.node}: ${cure}\n`);
  process.exit(1);
}
