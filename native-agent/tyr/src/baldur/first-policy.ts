// What Baldur does until policy comes from the installation: every reflex acts.
import { create } from '@bufbuild/protobuf';
import { local } from '@norn/contracts';
import { type TyrConfig, pathsOf } from '../tyr.config.ts';

export function firstPolicy({ protectedPaths }: Pick<TyrConfig, 'protectedPaths'>): local.AgentPolicy {
  const { KILL } = local.ReflexMode;
  const modes = { ransomware: KILL, fileless: KILL, miner: KILL, reverseShell: KILL };
  return create(local.AgentPolicySchema, { ...modes, protectedPaths: pathsOf(protectedPaths) });
}
