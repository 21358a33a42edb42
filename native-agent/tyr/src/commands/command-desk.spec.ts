import { create } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { publicKeyPemOf, signCommand, signForPerson } from '@norn/response';
import { makeTestProofs } from '@norn/response/testing';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { CommandDesk } from './command-desk.ts';
import { CommandLog } from './command-log.ts';

const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const proofs = makeTestProofs();
let directory: string;
let nowMs = 1_000_000;

function aCommand(id: string, change: Partial<action.Command> = {}): action.Command {
  const names = { id: id.padEnd(32, '0'), tenantId: 'default', hostId: 'host-1', alertId: 'a'.repeat(32) };
  const command = create(action.CommandSchema, { ...names, epoch: 1n, expiresAtUs: BigInt(nowMs + 1000) * 1000n });
  command.requestedBy = 'ada';
  command.action = { case: 'kill', value: create(action.KillActionSchema) };
  return Object.assign(command, change);
}

/** A tyr with a baldur that may be away. */
function openDesk({ baldurIsThere = true } = {}) {
  const given: string[] = [];
  const answers: string[] = [];
  const traces: string[] = [];
  const log = new CommandLog(directory, nowMs);
  const desk = new CommandDesk({
    identity: () => ({
      tenantId: 'default',
      hostId: 'host-1',
      commandKeys: { number: 0, keys: [publicKeyPemOf(key)] },
    }),
    log,
    proofKeys: proofs.keys,
    giveToBaldur: ({ id }) => {
      if (baldurIsThere) given.push(id);
      return baldurIsThere;
    },
    report: ({ state, code, traceparent }) => {
      answers.push(`${action.OutcomeState[state]} ${code}`);
      traces.push(traceparent);
    },
    nowMs: () => nowMs,
    logger: pino({ level: 'silent' }),
  });
  const receive = (command: action.Command): void => {
    desk.receive(signForPerson(signCommand(command, key), proofs.api));
  };
  return { desk, log, given, answers, traces, receive };
}

const outcome = (id: string, state: action.OutcomeState, code = 'ok') =>
  create(action.OutcomeSchema, { commandId: id.padEnd(32, '0'), state, code });

beforeEach(() => {
  nowMs = 1_000_000;
  directory = mkdtempSync(join(tmpdir(), 'norn-commands-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the command desk', () => {
  it('gives a command to baldur once, also when tyr was killed in between', () => {
    const first = openDesk();
    first.receive(aCommand('1'));
    first.desk.onOutcome(outcome('1', action.OutcomeState.SUCCEEDED));
    first.receive(aCommand('1'));
    const second = openDesk();
    second.receive(aCommand('1'));
    second.desk.onBaldurConnected();
    expect([...first.given, ...second.given]).toHaveLength(1);
    expect(first.answers).toEqual(['DELIVERED ok', 'REFUSED replayed']);
    expect(second.answers).toEqual(['REFUSED replayed']);
  });

  it('gives what no baldur has answered to the next one that connects', () => {
    const away = openDesk({ baldurIsThere: false });
    away.receive(aCommand('1'));
    const { desk, given } = openDesk();
    desk.onBaldurConnected();
    expect(given).toEqual(['1'.padEnd(32, '0')]);
    desk.onOutcome(outcome('1', action.OutcomeState.RUNNING));
    desk.onBaldurConnected();
    desk.onOutcome(outcome('1', action.OutcomeState.FAILED));
    desk.onBaldurConnected();
    expect(given).toHaveLength(2);
  });

  it('answers for a command that expired while no baldur was there', () => {
    const { desk, receive, given, answers } = openDesk({ baldurIsThere: false });
    receive(aCommand('1'));
    nowMs += 2000;
    desk.onBaldurConnected();
    desk.onBaldurConnected();
    expect(given).toEqual([]);
    expect(answers).toEqual(['DELIVERED ok', 'EXPIRED expired']);
  });

  it('refuses an epoch that was overtaken, also after a restart', () => {
    openDesk().receive(aCommand('1', { epoch: 7n }));
    const { receive, given, answers } = openDesk();
    receive(aCommand('2', { epoch: 6n }));
    receive(aCommand('3', { epoch: 7n }));
    expect(answers).toEqual(['REFUSED fenced', 'DELIVERED ok']);
    expect(given).toEqual(['3'.padEnd(32, '0')]);
  });

  it('keeps to itself that baldur knows a command which it was given twice', () => {
    const { desk } = openDesk();
    expect(desk.onOutcome(outcome('1', action.OutcomeState.REFUSED, 'replayed'))).toBeUndefined();
    expect(desk.onOutcome(outcome('1', action.OutcomeState.REFUSED, 'fenced'))?.code).toBe('fenced');
  });

  it('answers in the trace of the command, also after a restart and for what it refuses', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const { desk, traces } = openDesk();
    const signed = signForPerson(signCommand(aCommand('1'), key, traceparent), proofs.api);
    desk.receive(signed);
    desk.receive(signed);
    desk.receive({ ...signed, signature: new Uint8Array(64) });
    expect(traces).toEqual([traceparent, traceparent, traceparent]);
    const restarted = openDesk().desk;
    expect(restarted.onOutcome(outcome('1', action.OutcomeState.SUCCEEDED))?.traceparent).toBe(traceparent);
    expect(openDesk().desk.onOutcome(outcome('1', action.OutcomeState.SUCCEEDED))?.traceparent).toBe(traceparent);
    expect(restarted.onOutcome(outcome('2', action.OutcomeState.FAILED))?.traceparent).toBe('');
  });

  it('starts with a line that was half written', () => {
    openDesk().receive(aCommand('1'));
    appendFileSync(join(directory, 'commands.log'), '{"id":"2');
    const { log, receive, answers } = openDesk();
    receive(aCommand('1'));
    expect(answers).toEqual(['REFUSED replayed']);
    expect(log.damage).toHaveLength(1);
  });

  it('forgets ids only long after they expired', () => {
    openDesk().receive(aCommand('1'));
    nowMs += 6 * 24 * 3_600_000;
    expect(new CommandLog(directory, nowMs).has('1'.padEnd(32, '0'))).toBe(true);
    nowMs += 2 * 24 * 3_600_000;
    expect(new CommandLog(directory, nowMs).has('1'.padEnd(32, '0'))).toBe(false);
  });
});
