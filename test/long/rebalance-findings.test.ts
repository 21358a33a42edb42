// Members of process-tree and of detection come and go, by SIGTERM and by SIGKILL: the findings and alerts are those of one member that nobody disturbed.
// @norn-strict
import { setTimeout as sleep } from 'node:timers/promises';
import { AttackedHosts, alertsOf, allJudged, findingsOf } from '../stages/judged-members.ts';
import { type StageTrial, startStageTrial } from '../stages/stage-trial.ts';

/** An alert stays open for hours of event time, and a host has 64 such at most: beyond, which one is forgotten depends on who reads them back. */
const rounds = 50;
const turns = 10;

const judging = ['process-tree', 'detection'] as const;

let trials: StageTrial[] = [];

afterEach(async () => {
  await Promise.all(trials.map((trial) => trial.close()));
  trials = [];
});

async function aTrial(): Promise<StageTrial> {
  const trial = await startStageTrial({ partitions: 4 });
  trials.push(trial);
  return trial;
}

async function startJudges(trial: StageTrial): Promise<void> {
  for (const name of judging) {
    const stage = trial.stage(name);
    await stage.start();
    await stage.joined();
  }
}

describe('what process-tree and detection find', () => {
  it('is the same with members that come and go twenty times as with one', async () => {
    const calm = await aTrial();
    await startJudges(calm);
    for (const round of new AttackedHosts(rounds).rounds) await calm.producer.send('enriched', round);
    await allJudged(calm);
    const expected = { findings: await findingsOf(calm), alerts: await alertsOf(calm) };
    expect(expected.findings.size).toBeGreaterThan(rounds);
    await Promise.all(trials.splice(0).map((trial) => trial.close()));

    const troubled = await aTrial();
    await startJudges(troubled);
    const load = new AttackedHosts(rounds);
    const over = new AbortController();
    const sent = (async () => {
      for (const round of load.rounds) {
        await troubled.producer.send('enriched', round);
        if (!over.signal.aborted) await sleep(2_500);
      }
    })();
    for (let turn = 0; turn < turns; turn++) {
      const comers = judging.map((name) => troubled.stage(name));
      await Promise.all(comers.map((comer) => comer.start()));
      await Promise.all(comers.map((comer) => comer.joined()));
      await sleep(2_500);
      await Promise.all(comers.map((comer) => (turn % 2 === 0 ? comer.stop() : comer.kill())));
    }
    over.abort();
    await sent;
    await allJudged(troubled);
    expect(await findingsOf(troubled)).toEqual(expected.findings);
    expect(await alertsOf(troubled)).toEqual(expected.alerts);
  }, 1_200_000);
});
