// Members of a group that come and go while the stores are slow: nothing is lost, nothing is there twice. The long version is in test/long.
// @norn-strict
import { StorageLoad, allStored, comeAndGo } from './storage-members.ts';
import { type StageTrial, startStageTrial } from './stage-trial.ts';

let trial: StageTrial;

beforeAll(async () => {
  trial = await startStageTrial({ partitions: 4 });
});

afterAll(async () => {
  await trial.close();
});

describe('storage with a member that comes and goes while ClickHouse stands still', () => {
  it('stores every event once', async () => {
    const [stays, goes] = [trial.stage('storage'), trial.stage('storage')];
    await stays.start();
    await stays.joined();
    const load = new StorageLoad(trial, 200);
    await comeAndGo(trial, goes, { leave: 'SIGKILL', stillMs: 1_500 });
    await load.end();
    const { rows, different } = await allStored(trial, load);
    expect({ missing: load.events - different, twice: rows - different }).toEqual({ missing: 0, twice: 0 });
    await stays.stop();
  });
});
