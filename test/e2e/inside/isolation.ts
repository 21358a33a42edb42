// A peer to talk to, and commands to the agent inside a container as the pipeline sends them.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { readSignerKey } from '@norn/config';
import { signCommand, signForPerson } from '@norn/response';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Link } from '../../agent-link/link.ts';
import { call } from './images.ts';

export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Of Docker. */
  readonly network: string;
  close(): Promise<void>;
}

/** The machine's end of a bridge of its own. */
const address = '10.213.7.1';

/** Sends back what it is sent. */
export async function startPeer(): Promise<Peer> {
  const network = `norn-inside-${String(process.pid)}`;
  await call('docker', ['network', 'create', '--subnet', `${address}/24`, '--gateway', address, network]);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    await call('docker', ['network', 'rm', network]);
  };
  return { address, port, network, close };
}

type Deed = Extract<action.Command['action'], { case: string }>['case'];

/** Its final outcome. */
export async function command(link: Link, alertId: string, deed: Deed): Promise<action.Outcome> {
  const { tenantId, hostId } = await link.identity();
  const nowUs = BigInt(Date.now()) * 1000n;
  const id = randomBytes(16).toString('hex');
  const asked = create(action.CommandSchema, {
    ...{ id, tenantId, hostId, alertId },
    issuedAtUs: nowUs,
    expiresAtUs: nowUs + 60_000_000n,
    epoch: 1n,
    requestedBy: 'ada',
    action: { case: deed, value: {} } as action.Command['action'],
  });
  const signed = signForPerson(
    signCommand(asked, link.secrets.commandPrivateKeyPem),
    readSignerKey(link.file('secrets'), 'api'),
  );
  const value = toBinary(action.SignedCommandSchema, signed);
  await link.producer.send('commands', [{ key: `${tenantId}:${hostId}`, value, headers: {} }]);
  for (;;) {
    const outcomes = (await link.records('outcomes')).map((record) => fromBinary(action.OutcomeSchema, record.value));
    const final = outcomes.find((one) => one.commandId === id && one.state > action.OutcomeState.RUNNING);
    if (final !== undefined) return final;
    await sleep(100);
  }
}
