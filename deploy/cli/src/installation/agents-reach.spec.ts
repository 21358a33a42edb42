import { hostname } from 'node:os';
import { type Interfaces, reachOf } from './agents-reach.ts';

const address = (value: string, internal = false): Interfaces[string][number] => ({
  address: value,
  family: value.includes(':') ? 'IPv6' : 'IPv4',
  internal,
});
const interfaces: Interfaces = {
  lo: [address('127.0.0.1', true)],
  docker0: [address('172.17.0.1')],
  eth0: [address('fe80::1'), address('fd00::7'), address('10.0.0.7')],
};

describe('where agents reach ingest', () => {
  it("is this machine's first address when it listens on all", () => {
    const reach = { fromHere: '127.0.0.1:7401', fromElsewhere: '10.0.0.7:7401' };
    expect(reachOf('0.0.0.0', 7401, interfaces)).toEqual(reach);
    expect(reachOf('::', 7401, interfaces)).toEqual(reach);
  });

  it('is the address that it listens on, from everywhere', () => {
    expect(reachOf('10.0.0.9', 7401, interfaces)).toEqual({
      fromHere: '10.0.0.9:7401',
      fromElsewhere: '10.0.0.9:7401',
    });
    expect(reachOf('fd00::9', 7401, interfaces).fromElsewhere).toBe('[fd00::9]:7401');
    expect(reachOf('127.0.0.1', 7401, interfaces).fromElsewhere).toBe('127.0.0.1:7401');
  });

  it('is an IPv6 address, or the name of this machine, where there is nothing else', () => {
    const { lo = [], docker0 = [] } = interfaces;
    expect(reachOf('0.0.0.0', 7401, { lo, eth0: [address('fd00::7')] }).fromElsewhere).toBe('[fd00::7]:7401');
    expect(reachOf('0.0.0.0', 7401, { lo, docker0 }).fromElsewhere).toBe(`${hostname()}:7401`);
  });
});
