// What Tyr itself can say of the agent: whether Baldur runs and is bounded, and which of the host's runtimes tell it of containers.
import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import type { Supervisor } from '../baldur/supervisor.ts';
import type { RuntimeState } from '../containers/docker-watch.ts';

interface Watch {
  readonly state: RuntimeState;
}

export interface SeenByTyr {
  /** Baldur is connected. */
  readonly isConnected: boolean;
  readonly supervisor: Pick<Supervisor, 'restarts' | 'capReport'>;
  readonly docker: Watch;
  readonly cri: Watch;
  /** Undefined where the API server is not to be asked. */
  readonly workloads: Watch | undefined;
}

export function ownCapabilities({ isConnected, supervisor, docker, cri, workloads }: SeenByTyr): event.Capability[] {
  const { restarts, capReport } = supervisor;
  const own = [
    { name: 'agent.baldur', ...baldurState(isConnected, restarts), mechanism: 'socket', verified: isConnected },
    { name: 'agent.limits', ...capReport, verified: capReport.available },
    { name: 'containers.docker', ...docker.state, mechanism: docker.state.available ? 'docker' : '' },
    { name: 'containers.cri', ...cri.state, mechanism: cri.state.available ? 'cri' : '' },
    ...(workloads ? [workloadCapability(workloads.state)] : []),
  ];
  return own.map((one) => create(event.CapabilitySchema, one));
}

function baldurState(isConnected: boolean, restarts: number): RuntimeState {
  if (isConnected) return { available: true, detail: '' };
  const detail = restarts === 0 ? 'it has not connected yet' : `it was started again ${restarts} times`;
  return { available: false, detail };
}

/** Without it the labels of Kubernetes' controllers say of whom a pod is. */
function workloadCapability(state: RuntimeState) {
  return { name: 'containers.workloads', ...state, mechanism: state.available ? 'kubernetes' : 'labels' };
}
