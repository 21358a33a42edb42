// Ten times a member joins and leaves, by SIGTERM and by SIGKILL, each time with a ClickHouse that stands still for 5 s.
// @norn-strict
import { StorageLoad, allStored, comeAndGo } from '../stages/storage-members.ts';
import { type StageTrial, startStageTrial } from '../stages/stage-trial.ts';

let trial: StageTrial;

beforeAll(async () => {
  trial = await startStageTrial({ partitions: 4 });
});

afterAll(async () => {
  await trial.close();
});

describe('storage of two members, of which one comes and goes twenty times', () => {
  it('stores every event once', async () => {
    const [stays, goes] = [trial.stage('storage'), trial.stage('storage')];
    await stays.start();
    await stays.joined();
    const load = new StorageLoad(trial, 250);
    for (let turn = 0; turn < 10; turn++) {
      await comeAndGo(trial, goes, { leave: turn % 2 === 0 ? 'SIGTERM' : 'SIGKILL', stillMs: 5_000 });
    }
    await load.end();
    const { rows, different } = await allStored(trial, load);
    expect({ missing: load.events - different, twice: rows - different }).toEqual({ missing: 0, twice: 0 });
    await stays.stop();
  }, 900_000);
});
