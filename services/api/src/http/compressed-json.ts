// Large answers travel compressed: an alert of 2,000 processes is 1.7 MB of JSON and a tenth of it on the way.
import { constants, gzip } from 'node:zlib';
import type { NextFunction, Request, Response } from 'express';

const compressFromBytes = 32 * 1024;

/** Replaces `response.json`; small answers and those who take no gzip get the plain text. */
export function compressedJson(request: Request, response: Response, next: NextFunction): void {
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    next();
    return;
  }
  const plain = response.json.bind(response);
  response.json = (body: unknown) => {
    const text = JSON.stringify(body);
    if (text.length < compressFromBytes) return plain(body);
    gzip(text, { level: constants.Z_BEST_SPEED }, (error, packed) => {
      if (error !== null) {
        plain(body);
        return;
      }
      response.setHeader('Content-Type', 'application/json; charset=utf-8');
      response.setHeader('Content-Encoding', 'gzip');
      response.setHeader('Vary', 'Accept-Encoding');
      response.end(packed);
    });
    return response;
  };
  next();
}
