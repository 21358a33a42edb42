// The agents of a test: take commands, run each id once, and say what came of it, twice, as after a reconnect.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type StageBusConfig, type BusProducer, type Follower, type OutRecord, followTopic } from '@norn/bus';
import { action } from '@norn/contracts';

export class SimulatedAgents {
  /** Commands run, in the order they arrived; how often each was dispatched. */
  readonly ran: action.Command[] = [];
  readonly dispatched = new Map<string, number>();
  private follower: Follower | undefined;

  constructor(
    private readonly config: StageBusConfig,
    private readonly producer: BusProducer,
  ) {}

  async start(): Promise<void> {
    this.follower = await followTopic(this.config, 'commands', async ({ records }) => {
      for (const { key, value } of records) await this.take(key, value);
    });
  }

  async stop(): Promise<void> {
    await this.follower?.close();
  }

  private async take(key: string, value: Uint8Array): Promise<void> {
    const command = fromBinary(action.CommandSchema, fromBinary(action.SignedCommandSchema, value).command);
    const before = this.dispatched.get(command.id) ?? 0;
    this.dispatched.set(command.id, before + 1);
    if (before > 0) return;
    this.ran.push(command);
    const said = [action.OutcomeState.DELIVERED, action.OutcomeState.RUNNING, action.OutcomeState.SUCCEEDED].map(
      (state) => this.outcome(key, command, state),
    );
    await this.producer.send('outcomes', [...said, ...said]);
  }

  private outcome(key: string, command: action.Command, state: action.OutcomeState): OutRecord {
    const files =
      state === action.OutcomeState.SUCCEEDED
        ? ['/srv/a', '/srv/b'].map((path) =>
            create(action.FileVerdictSchema, { path: Buffer.from(path), verdict: action.Verdict.RESTORED }),
          )
        : [];
    const [tenantId = '', hostId = ''] = key.split(':');
    const outcome = create(action.OutcomeSchema, {
      tenantId,
      hostId,
      commandId: command.id,
      alertId: command.alertId,
      state,
      code: 'ok',
      files,
    });
    return { key, value: toBinary(action.OutcomeSchema, outcome), headers: { schema: '1' } };
  }
}
