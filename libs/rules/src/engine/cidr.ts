// Whether an address lies in a network, IPv4 or IPv6.
// eslint-disable-next-line no-restricted-imports -- two pure functions of the standard library: nothing is connected to
import { BlockList, isIP } from 'node:net';
import { ruleError, type Place } from '../sigma/document.ts';
import type { FieldText } from './fold.ts';

const families = { 4: 'ipv4', 6: 'ipv6' } as const;

export interface Network {
  readonly address: string;
  readonly version: 4 | 6;
  /** Of its prefix. */
  readonly bits: number;
}

/** `10.0.0.0/8`, `fd00::/8`. Throws `rule_invalid` when it is no network. */
export function readNetwork(place: Place, text: string): Network {
  const [address = '', length = ''] = text.split('/');
  const version = isIP(address);
  const bits = Number(length);
  const isLength = /^\d{1,3}$/.test(length) && bits <= (version === 4 ? 32 : 128);
  if ((version !== 4 && version !== 6) || address.includes('%') || !isLength)
    throw ruleError(place, `"${text}" is not a network: write it like 10.0.0.0/8 or fd00::/8`);
  return { address, version, bits };
}

/** An IPv4 address written as one of IPv6 (`::ffff:10.0.0.1`) is in the networks of both; one with a zone (`fe80::1%eth0`) is in none. */
export function cidrTest({ address, version, bits }: Network): (text: FieldText) => boolean {
  const list = new BlockList();
  list.addSubnet(address, bits, families[version]);
  return ({ raw }) => {
    const found = isIP(raw);
    return (found === 4 || found === 6) && !raw.includes('%') && list.check(raw, families[found]);
  };
}
