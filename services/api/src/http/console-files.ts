// The built console out of memory: compressed beforehand by its build, assets cached for ever (their names carry a hash), pages never.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { NornError } from '@norn/base';
import type { NextFunction, Request, Response } from 'express';

const filesMax = 500;
const bytesMax = 64 * 1024 * 1024;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
};

interface Variant {
  readonly encoding: '' | 'br' | 'gzip';
  readonly body: Buffer;
}

interface StaticFile {
  readonly contentType: string;
  readonly etag: string;
  /** Smallest first. */
  readonly variants: readonly Variant[];
}

const notBuilt =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Norn</title><p>The console is not built or not set (NORN_CONSOLE_DIR). `./norn up` builds it; the API answers under /api/v1.</p></html>';

export class ConsoleFiles {
  private readonly files: ReadonlyMap<string, StaticFile>;

  /** `folder` empty: no console, and a page that says so. */
  constructor(folder: string) {
    this.files = folder === '' || !existsSync(folder) ? new Map() : load(folder);
  }

  /** Answers what the console asks for: its files, and its one page for every address that is not the API's. */
  readonly serve = (request: Request, response: Response, next: NextFunction): void => {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const file = this.files.get(request.path);
    if (!reads || isApi(request.path)) next();
    else if (file !== undefined) send(file, request, response);
    else if (request.path.startsWith('/assets/')) next();
    else this.sendPage(request, response);
  };

  sendPage(request: Request, response: Response): void {
    const page = this.files.get('/index.html');
    if (page === undefined) response.status(503).type('html').send(notBuilt);
    else send(page, request, response);
  }
}

function isApi(path: string): boolean {
  return path.startsWith('/api/') || path === '/healthz' || path === '/metrics';
}

function load(folder: string): Map<string, StaticFile> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map((entry) => join(entry.parentPath, entry.name));
  if (paths.length > filesMax)
    throw new NornError(
      'console_too_large',
      `${folder} has ${paths.length} files, more than ${filesMax}: is it the built console?`,
    );
  const files = new Map<string, StaticFile>();
  let bytes = 0;
  for (const path of paths.filter((name) => !/\.(br|gz)$/.test(name))) {
    const variants = variantsOf(path);
    bytes += variants.reduce((sum, { body }) => sum + body.length, 0);
    if (bytes > bytesMax)
      throw new NornError('console_too_large', `${folder} is larger than ${bytesMax} bytes: is it the built console?`);
    const plain = variants.at(-1)?.body ?? Buffer.alloc(0);
    const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
    const contentType = contentTypes[extname(path)] ?? 'application/octet-stream';
    files.set(`/${relative(folder, path)}`, { contentType, etag, variants });
  }
  return files;
}

function variantsOf(path: string): Variant[] {
  const variants: Variant[] = [];
  if (existsSync(`${path}.br`)) variants.push({ encoding: 'br', body: readFileSync(`${path}.br`) });
  if (existsSync(`${path}.gz`)) variants.push({ encoding: 'gzip', body: readFileSync(`${path}.gz`) });
  return [...variants, { encoding: '', body: readFileSync(path) }];
}

function send(file: StaticFile, request: Request, response: Response): void {
  const accepted = request.headers['accept-encoding'] ?? '';
  const variant = file.variants.find(
    ({ encoding }) => encoding === '' || new RegExp(`\\b${encoding}\\b`).test(accepted),
  );
  const body = variant?.body ?? Buffer.alloc(0);
  response.setHeader('Content-Type', file.contentType);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('ETag', file.etag);
  response.setHeader(
    'Cache-Control',
    request.path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  );
  if (request.headers['if-none-match'] === file.etag) {
    response.status(304).end();
    return;
  }
  if (variant !== undefined && variant.encoding !== '') response.setHeader('Content-Encoding', variant.encoding);
  response.setHeader('Content-Length', body.length);
  response.status(200).end(request.method === 'HEAD' ? undefined : body);
}
