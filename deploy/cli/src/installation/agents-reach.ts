// Where agents reach a port of ingest, which follows from what it listens on.
import { isIPv6 } from 'node:net';
import { hostname, networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

export interface Reach {
  /** "host:port", for the agent on this machine. */
  readonly fromHere: string;
  /** "host:port", for agents of other machines; loopback when there is no way in. */
  readonly fromElsewhere: string;
}

export type Interfaces = Readonly<
  Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'family' | 'internal'>[]>
>;

const everywhere = new Set(['0.0.0.0', '::']);
/** Other machines have no way to these. */
const ofContainers = /^(docker|br-|veth|virbr|cni|cali|flannel)/;

/** `agentHost`: the address that ingest listens on. */
export function reachOf(agentHost: string, port: number, interfaces: Interfaces = known()): Reach {
  if (everywhere.has(agentHost))
    return { fromHere: `127.0.0.1:${port}`, fromElsewhere: withPort(firstAddress(interfaces) ?? hostname(), port) };
  return { fromHere: withPort(agentHost, port), fromElsewhere: withPort(agentHost, port) };
}

function known(): Interfaces {
  return Object.fromEntries(Object.entries(networkInterfaces()).map(([name, addresses]) => [name, addresses ?? []]));
}

/** IPv4 before IPv6; one of the link alone says nothing without its interface. */
function firstAddress(interfaces: Interfaces): string | undefined {
  const outside = Object.entries(interfaces)
    .filter(([name]) => !ofContainers.test(name))
    .flatMap(([, addresses]) => addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80:')));
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address;
}

function withPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
