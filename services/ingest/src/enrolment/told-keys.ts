// What hosts are told of the installation's keys: at enrolment those they begin with, later those that follow.
import { create } from '@bufbuild/protobuf';
import { agent } from '@norn/contracts';
import { readCommandKeys } from '@norn/response';
import type { KeysNow } from '../ports/ingest-keys.ts';

export function toldKeys({ secrets, authority }: KeysNow): agent.InstallationKeys {
  return create(agent.InstallationKeysSchema, {
    commandKeys: secrets.keys.commandKeys.map(({ list, signature }) => ({
      commandKeys: bytesOf(list),
      signature: bytesOf(signature),
    })),
    authorities: [...authority.trusted],
    issuingAuthority: authority.issuingPem,
  });
}

/** A new host takes them from who has the invitation's authority. */
export function firstCommandKeys({ secrets }: KeysNow): agent.CommandKeys {
  const newest = secrets.keys.commandKeys.at(-1);
  const held = newest && readCommandKeys(bytesOf(newest.list));
  const { number, keys } = held ?? { number: 0, keys: [secrets.commandPublicKeyPem] };
  return create(agent.CommandKeysSchema, { number: BigInt(number), keys: [...keys] });
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
