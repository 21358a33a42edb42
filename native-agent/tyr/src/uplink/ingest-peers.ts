// Where ingest is, by address. A host that is cut off from the network can ask nobody for a name: the last answer is kept, told
// to baldur and, while names can't be asked for, connected to.
import { NornError, messageOf } from '@norn/base';
import { type LookupAddress, lookup as ask } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP, isIPv6 } from 'node:net';
import type { Logger } from 'pino';
import { limits } from '../limits.ts';
import { writeFileAtomically } from '../write-file.ts';

/** Whom to connect to. */
export interface Target {
  /** As gRPC reads it. */
  readonly address: string;
  /** Whose certificate it has to show, where the address is no name. */
  readonly name?: string;
}

export interface IngestPeersOptions {
  /** "host:port", "[::1]:port". */
  readonly address: string;
  /** Whose certificate it has to show, where that is not the address' own name. */
  readonly name?: string | undefined;
  readonly file: string;
  readonly lookup?: (host: string) => Promise<readonly Pick<LookupAddress, 'address'>[]>;
  readonly logger: Logger;
}

export class IngestPeers {
  private readonly host: string;
  private readonly port: string;
  private known: readonly string[];
  private canAsk = true;

  constructor(private readonly options: IngestPeersOptions) {
    const { host = '', port = '' } = /^\[?(?<host>.*?)\]?:(?<port>\d+)$/.exec(options.address)?.groups ?? {};
    this.host = host;
    this.port = port;
    this.known = readKept(options.file);
  }

  /** "10.0.0.7:7401", "[fd00::7]:7401". */
  get peers(): string[] {
    return this.known.map((ip) => this.withPort(ip));
  }

  /** True when there are other addresses than before. */
  async refresh(): Promise<boolean> {
    const lookup = this.options.lookup ?? addressesOf;
    let found: string[];
    try {
      found = (await lookup(this.host)).map(({ address }) => address);
      this.canAsk = true;
    } catch (error) {
      if (this.canAsk) this.options.logger.warn({ code: 'ingest_unresolved' }, `${this.host}: ${messageOf(error)}`);
      this.canAsk = false;
      return false;
    }
    const next = [...new Set(found)].sort().slice(0, limits.ingestPeersMax);
    if (next.length === 0 || next.join() === this.known.join()) return false;
    this.known = next;
    this.keep();
    return true;
  }

  /** By name while names are to be had. */
  target(): Target {
    const [first] = this.known;
    const { address, name } = this.options;
    if (this.canAsk || first === undefined) return name === undefined ? { address } : { address, name };
    const family = isIPv6(first) ? 'ipv6' : 'ipv4';
    const same = this.known.filter((ip) => isIPv6(ip) === isIPv6(first));
    return { address: `${family}:${same.map((ip) => this.withPort(ip)).join(',')}`, name: name ?? this.host };
  }

  private withPort(ip: string): string {
    return isIPv6(ip) ? `[${ip}]:${this.port}` : `${ip}:${this.port}`;
  }

  private keep(): void {
    try {
      writeFileAtomically(this.options.file, JSON.stringify(this.known));
    } catch (error) {
      this.options.logger.error({ code: 'peers_not_kept', err: error }, messageOf(error));
    }
  }
}

/** By the callback that sockets use: another way to the same answer would cost memory. */
function addressesOf(host: string): Promise<readonly Pick<LookupAddress, 'address'>[]> {
  if (isIP(host) !== 0) return Promise.resolve([{ address: host }]);
  return new Promise((resolve, reject) => {
    ask(host, { all: true }, (error, found) => {
      if (error === null) resolve(found);
      else reject(error);
    });
  });
}

function readKept(file: string): string[] {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!Array.isArray(kept)) throw new NornError('peers_malformed', `${file} holds no list`);
    return kept.filter((each): each is string => typeof each === 'string');
  } catch {
    return []; // The first start, or a file that is written anew at the next answer.
  }
}
