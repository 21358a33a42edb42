// An answer that is told bit by bit: a message in JSON on each line.
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { Response } from 'express';
import { emit } from './route.ts';

export class Lines<Desc extends DescMessage> {
  static readonly contentType = 'application/x-ndjson';

  constructor(
    private readonly schema: Desc,
    private readonly response: Response,
  ) {}

  write(message: MessageInitShape<Desc>): void {
    const { response } = this;
    if (response.destroyed) return;
    // Proxies are not to gather lines.
    if (!response.headersSent)
      response.writeHead(200, {
        'Content-Type': Lines.contentType,
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      });
    response.write(`${JSON.stringify(emit(this.schema, message))}\n`);
  }

  end(message: MessageInitShape<Desc>): void {
    this.write(message);
    this.response.end();
  }
}

/** Aborted when who asked goes away: what is done for nobody need not be done. */
export function whenGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  return gone.signal;
}
