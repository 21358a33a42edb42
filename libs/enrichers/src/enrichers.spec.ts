import { create, fromBinary } from '@bufbuild/protobuf';
import { BatchWriter, type ProcessEntry, event, openBatch } from '@norn/contracts';
import { enrichBatch } from './enrich-batch.ts';
import { directoryOf, endedContainersMax } from './host-directory.ts';

const web = create(event.ContainerFactSchema, { containerId: 'a1'.repeat(32), name: 'web-1', image: 'shop/web:1.4' });

function facts(observedAtUs: number, containers: event.ContainerFact[]): event.HostFacts {
  return create(event.HostFactsSchema, {
    containers,
    users: { 0: 'root', 33: 'www-data' },
    observedAtUs: BigInt(observedAtUs),
  });
}

function batchOf(...processes: Partial<ProcessEntry>[]) {
  const writer = new BatchWriter();
  for (const [number, process] of processes.entries()) {
    const uid = new Uint8Array(16).fill(number + 1);
    writer.add({
      kind: event.EventKind.EXEC,
      timeUs: 1,
      process: { uid, parentUid: uid, pid: number, startTimeUs: 1, imagePath: '/bin/sh', ...process },
    });
  }
  return openBatch(writer.finish({ streamId: new Uint8Array(16), batchSeq: 1 }));
}

function read(bytes: Uint8Array) {
  return fromBinary(event.BatchEnrichmentSchema, bytes);
}

describe('enrichment', () => {
  it('names the containers and users of the batch’s own tables, in their order', () => {
    const batch = batchOf({ userId: 33 }, { containerId: web.containerId, userId: 33 });
    const { containers, userNames } = read(enrichBatch(batch, directoryOf(facts(1, [web]), undefined)));
    expect(containers.map(({ name }) => name)).toEqual(['', 'web-1']);
    // uid 33 inside the container is whatever its image calls it.
    expect(userNames).toEqual(['www-data', '']);
  });

  it('names a container’s users as it does itself, and sends no more of them than that', () => {
    const named = create(event.ContainerFactSchema, { ...web, users: { 33: 'nginx' } });
    const directory = directoryOf(facts(2, []), directoryOf(facts(1, [named]), undefined));
    const batch = batchOf({ userId: 33 }, { containerId: web.containerId, userId: 33 });
    const { containers, userNames } = read(enrichBatch(batch, directory));
    expect(userNames).toEqual(['www-data', 'nginx']);
    expect(containers[1]?.users).toEqual({});
  });

  it('names who logged in as the host does, also in a container, and nobody where nobody did', () => {
    const batch = batchOf({ loginUserId: 33 }, { containerId: web.containerId, loginUserId: 0 }, {});
    const directory = directoryOf(facts(1, [web]), undefined);
    expect(read(enrichBatch(batch, directory)).loginUserNames).toEqual(['www-data', 'root', '']);
    expect(read(enrichBatch(batchOf({}), directory)).loginUserNames).toEqual([]);
  });

  it('leaves empty what is not known', () => {
    const { containers, userNames } = read(enrichBatch(batchOf({ containerId: web.containerId }), undefined));
    expect(containers[1]?.containerId).toBe(web.containerId);
    expect(containers[1]?.name).toBe('');
    expect(userNames).toEqual(['']);
  });
});

describe('a host’s directory', () => {
  it('keeps containers that ended, up to its bound', () => {
    let directory = directoryOf(facts(1, [web]), undefined);
    directory = directoryOf(facts(2, []), directory);
    expect(directory.containers.get(web.containerId)?.name).toBe('web-1');
    for (let n = 0; n < endedContainersMax + 10; n++) {
      const other = create(event.ContainerFactSchema, { containerId: String(n).padStart(64, '0') });
      directory = directoryOf(facts(3 + n, [other]), directory);
    }
    expect(directory.containers.size).toBeLessThanOrEqual(endedContainersMax + 1);
    expect(directory.containers.has(web.containerId)).toBe(false);
  });

  it('is not turned back by facts that come late', () => {
    const newer = directoryOf(facts(5, [web]), undefined);
    expect(directoryOf(facts(4, []), newer)).toBe(newer);
  });
});
