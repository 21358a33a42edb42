// Connections to ClickHouse. On one machine its passwords go to the process that was started for them, not to whoever has the port.
import { readFileSync } from 'node:fs';
import { Agent, type ClientRequestArgs } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { AwayError, messageOf } from '@norn/base';
import { assertHolder } from '@norn/base/port-holder';

export interface EngineAddress {
  readonly clickhouseUrl: string;
  /** Holds the process id of the engine of this machine; empty or absent: it is another's, and TLS says who it is. */
  readonly clickhousePidFile?: string;
}

/** Options of the client that connects so. */
export function connectionsTo({ clickhousePidFile = '' }: EngineAddress, max: number): { http_agent?: Agent } {
  if (clickhousePidFile === '') return {};
  return { http_agent: new EngineAgent(clickhousePidFile, max) };
}

class EngineAgent extends Agent {
  constructor(
    private readonly pidFile: string,
    maxSockets: number,
  ) {
    super({ keepAlive: true, maxSockets });
  }

  /** Hands the socket over when the engine has taken it. */
  override createConnection(
    options: ClientRequestArgs,
    done: (error: Error | null, socket: Duplex) => void,
  ): Duplex | undefined {
    const socket = connect(Number(options.port), options.host ?? '127.0.0.1');
    const fail = (error: Error): void => {
      socket.destroy();
      done(error, socket);
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      this.check(socket).then(
        () => {
          socket.off('error', fail);
          done(null, socket);
        },
        (error: unknown) => {
          socket.off('error', fail);
          fail(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
    return undefined;
  }

  private async check(socket: ReturnType<typeof connect>): Promise<void> {
    await assertHolder(this.pid(), socket);
  }

  private pid(): number {
    try {
      return Number(readFileSync(this.pidFile, 'utf8'));
    } catch (error) {
      const what = `${this.pidFile} does not say which process ClickHouse is (${messageOf(error)})`;
      throw new AwayError('store_away', `${what}: is it up? ./norn up`, { cause: error });
    }
  }
}
