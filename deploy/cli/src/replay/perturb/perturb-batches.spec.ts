import { BatchWriter, type ProcessEntry, event, openBatch, readRows } from '@norn/contracts';
import type { HostBatch } from '../input/batch-builder.ts';
import { type Perturbation, unperturbed } from './perturb-arrivals.ts';
import { perturbBatches } from './perturb-batches.ts';

const { EventKind } = event;
const startUs = 1_795_000_000_000_000;
const processes = Array.from({ length: 20 }, (_, at): ProcessEntry => ({
  uid: new Uint8Array(16).fill(at + 1),
  parentUid: new Uint8Array(16),
  pid: at,
  startTimeUs: startUs,
  imagePath: `/bin/p${at}`,
}));

function aBatch(): HostBatch {
  const writer = new BatchWriter();
  processes.forEach((process, at) => {
    writer.add({ kind: EventKind.EXEC, timeUs: startUs + at * 1000, process, path: process.imagePath });
  });
  return { hostKey: 't:h', bytes: writer.finish({ streamId: new Uint8Array(16).fill(9), batchSeq: 3 }) };
}

async function perturbed(perturbation: Partial<Perturbation>, batch = aBatch()): Promise<HostBatch[]> {
  const one = async function* () {
    yield await Promise.resolve(batch);
  };
  const batches: HostBatch[] = [];
  for await (const each of perturbBatches(one(), { ...unperturbed, ...perturbation })) batches.push(each);
  return batches;
}

const pathsOf = ({ bytes }: HostBatch) => readRows(openBatch(bytes)).rows.map(({ path }) => path);

describe('batches on their way', () => {
  it('are as they were when nothing is asked for', async () => {
    expect(await perturbed({})).toEqual([aBatch()]);
  });

  it('have their rows in another order, and the same for the same seed', async () => {
    const [one] = await perturbed({ isShuffled: true, seed: 4 });
    const [again] = await perturbed({ isShuffled: true, seed: 4 });
    expect(pathsOf(one!)).not.toEqual(pathsOf(aBatch()));
    expect(pathsOf(one!).sort()).toEqual(pathsOf(aBatch()).sort());
    expect(again).toEqual(one);
    expect(openBatch(one!.bytes)).toMatchObject({ batchSeq: 3, baseTimeUs: startUs, eventCount: 20 });
  });

  it('come twice', async () => {
    expect(await perturbed({ duplicatePercent: 100 })).toEqual([aBatch(), aBatch()]);
  });

  it('say how much they lost and for how long, and still know the processes', async () => {
    const [batch] = await perturbed({ losePercent: 100 });
    const { rows, processes: known } = readRows(openBatch(batch!.bytes));
    expect(rows).toEqual([
      expect.objectContaining({ kind: EventKind.GAP, timeUs: startUs, value: 20n, flags: 2, result: 19 }),
    ]);
    expect(known.map(({ imagePath }) => imagePath).slice(0, 20)).toEqual(processes.map(({ imagePath }) => imagePath));
  });

  it('are left as they are when they are none', async () => {
    const none = { hostKey: 't:h', bytes: Buffer.from('no batch') };
    expect(await perturbed({ losePercent: 50, isShuffled: true }, none)).toEqual([none]);
  });
});
