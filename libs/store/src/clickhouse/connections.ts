// Connections to ClickHouse. On one machine its passwords go to the process that was started for them, not to whoever has the port; elsewhere TLS says
// who both are.
import { readFileSync } from 'node:fs';
import { Agent, type ClientRequestArgs } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { AwayError, NornError, messageOf } from '@norn/base';
import { assertHolder } from '@norn/base/port-holder';
import { readSecret } from '@norn/config';

export interface EngineAddress {
  readonly clickhouseUrl: string;
  /** Holds the process id of the engine of this machine; empty or absent: it is another's, and TLS says who it is. */
  readonly clickhousePidFile?: string;
  /** PEM of this client's certificate and of its key; empty or absent: it shows none. */
  readonly clickhouseCertificateFile?: string;
  readonly clickhouseKeyFile?: string;
}

/** Options of the client that connects so. Throws `clickhouse_tls_invalid` when certificate, key and https do not go together, `secret_missing`. */
export function connectionsTo(address: EngineAddress, max: number): { http_agent?: Agent } {
  const { clickhousePidFile = '' } = address;
  const shown = identityOf(address);
  if (shown !== undefined) {
    // The client's own option for it asks the server to take the certificate in place of the password.
    return { http_agent: new SecureAgent({ ...shown, keepAlive: true, maxSockets: max }) };
  }
  if (clickhousePidFile === '') return {};
  return { http_agent: new EngineAgent(clickhousePidFile, max) };
}

function identityOf(address: EngineAddress): { readonly cert: string; readonly key: string } | undefined {
  const { clickhouseUrl, clickhouseCertificateFile = '', clickhouseKeyFile = '' } = address;
  if (clickhouseCertificateFile + clickhouseKeyFile === '') return undefined;
  if (clickhouseCertificateFile === '' || clickhouseKeyFile === '' || !clickhouseUrl.startsWith('https:')) {
    const cure =
      'set both NORN_CLICKHOUSE_CERTIFICATE_FILE and NORN_CLICKHOUSE_KEY_FILE and a NORN_CLICKHOUSE_URL of https, or none of the two';
    throw new NornError('clickhouse_tls_invalid', `A certificate for ClickHouse needs its key, and TLS: ${cure}`);
  }
  return { cert: readSecret(clickhouseCertificateFile), key: readSecret(clickhouseKeyFile) };
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
