import { create } from '@bufbuild/protobuf';
import { agent } from '@norn/contracts';
import { generateKeyPairSync, sign } from 'node:crypto';
import { type HeldCommandKeys, signCommandKeys, takeCommandKeys } from './command-keys.ts';
import { publicKeyPemOf } from './signature.ts';

const newKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const [old, next, other] = [newKey(), newKey(), newKey()] as const;
const list = (number: number, ...pairs: string[]): HeldCommandKeys => ({ number, keys: pairs.map(publicKeyPemOf) });
const first = list(0, old);
const announced = signCommandKeys(list(1, old, next), old);
const finished = signCommandKeys(list(2, next), next);
const shown = ({ held, refused }: ReturnType<typeof takeCommandKeys>): unknown => [held.number, held.keys, refused];

describe('the command keys of a host', () => {
  it('follow list by list, also for who was away meanwhile', () => {
    const both = takeCommandKeys(first, [announced]);
    expect(both).toEqual({ held: list(1, old, next), refused: false });
    expect(takeCommandKeys(both.held, [announced, finished])).toEqual({ held: list(2, next), refused: false });
    expect(takeCommandKeys(first, [announced, finished])).toEqual({ held: list(2, next), refused: false });
  });

  it('go back to the old one when a list says so', () => {
    const back = signCommandKeys(list(2, old), old);
    expect(takeCommandKeys(first, [announced, back]).held).toEqual(list(2, old));
  });

  it('do not go back by a list that is sent again', () => {
    const { held } = takeCommandKeys(first, [announced, finished]);
    expect(takeCommandKeys(held, [announced])).toEqual({ held, refused: false });
  });

  it.each<[string, () => agent.SignedCommandKeys[]]>([
    ['signed by another key', () => [signCommandKeys(list(1, old, other), other)]],
    ['signed by the key that it brings', () => [signCommandKeys(list(1, next), next)]],
    ['signed by a key that counts no more', () => [announced, finished, signCommandKeys(list(3, other), old)]],
    ['changed on its way', () => [{ ...announced, commandKeys: finished.commandKeys }]],
    ['without a key', () => [signCommandKeys(list(1), old)]],
    ['with too many', () => [signCommandKeys(list(1, old, old, old, old, next), old)]],
    ['no list', () => [create(agent.SignedCommandKeysSchema, { commandKeys: new Uint8Array([255]) })]],
  ])('stay what they are for a list that is %s', (_, make) => {
    const lists = make();
    const before = takeCommandKeys(first, lists.slice(0, -1)).held;
    expect(shown(takeCommandKeys(first, lists))).toEqual([before.number, before.keys, true]);
  });

  it('take nothing for a list that was signed as a command', () => {
    const { commandKeys } = announced;
    const signature = new Uint8Array(sign(null, commandKeys, old));
    const asCommand = create(agent.SignedCommandKeysSchema, { commandKeys, signature });
    expect(takeCommandKeys(first, [asCommand])).toEqual({ held: first, refused: true });
  });
});
