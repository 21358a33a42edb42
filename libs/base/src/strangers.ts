// Who has opened a connection and not yet said what for. Anybody on a machine can open thousands; they have few places, and never those of others.
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';

/**
 * When their places are full, who came first among them goes: what makes a connection known takes milliseconds, so those who hold a place are not in
 * the way of those who come.
 */
export class Strangers {
  /** In the order in which they came, by address and port of the other end, which the socket of TLS over it has as well. */
  private readonly sockets = new Map<string, Socket>();

  constructor(
    /** At once, at most. */
    private readonly placesMax: number,
    private readonly onTurnedAway: () => void,
  ) {}

  admit(socket: Socket): void {
    const name = nameOf(socket);
    if (this.sockets.size >= this.placesMax) this.turnAwayTheFirst();
    this.sockets.set(name, socket);
    socket.once('close', () => {
      // The other end may have come again by the same port.
      if (this.sockets.get(name) === socket) this.sockets.delete(name);
    });
  }

  /** It is no stranger any more. */
  know(socket: Socket): void {
    this.sockets.delete(nameOf(socket));
  }

  private turnAwayTheFirst(): void {
    for (const [name, socket] of this.sockets) {
      this.sockets.delete(name);
      socket.destroy();
      this.onTurnedAway();
      return;
    }
  }
}

const nameOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;

export interface HttpBounds {
  /** Connections at once from which no whole request has come yet. */
  readonly strangersMax: number;
  /** All connections at once; above it nobody is taken, and those that only wait are closed. */
  readonly connectionsMax: number;
  /** For a whole request to come, ms. */
  readonly requestMs: number;
  /** Nothing is taken or sent for so long, ms: who does not read is not waited for. A stream must say something more often. */
  readonly quietMs: number;
}

export function boundConnections(
  server: HttpServer,
  { strangersMax, connectionsMax, requestMs, quietMs }: HttpBounds,
  onTurnedAway: () => void,
): void {
  const strangers = new Strangers(strangersMax, onTurnedAway);
  server.maxConnections = connectionsMax;
  server.headersTimeout = requestMs;
  server.requestTimeout = requestMs;
  server.setTimeout(quietMs);
  server.on('drop', () => {
    onTurnedAway();
    server.closeIdleConnections();
  });
  server.on('connection', (socket) => {
    strangers.admit(socket);
  });
  server.on('request', (request) => {
    const { socket } = request;
    if (!hasBody(request)) strangers.know(socket);
    else
      request.once('end', () => {
        strangers.know(socket);
      });
  });
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
