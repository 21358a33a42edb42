// The calls of a cluster's API server that tyr needs, by the pod's own account; of every object the metadata alone.
import { NornError } from '@norn/base';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { z } from 'zod';
import { limits } from '../limits.ts';

/** Where a pod is given who it is. */
export const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

const name = z.string().max(limits.accountCharsMax);
const metadata = z.object({
  uid: name,
  name,
  namespace: name.default(''),
  ownerReferences: z
    .array(z.object({ kind: name, name, uid: name, controller: z.boolean().default(false) }))
    .default([]),
});
const thing = z.object({ metadata });
const page = z.object({
  metadata: z.object({ resourceVersion: name, continue: z.string().default('') }),
  items: z.array(thing),
});
const happened = z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']), object: z.unknown() });

export type Metadata = z.output<typeof metadata>;

export interface PodList {
  readonly pods: readonly Metadata[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
}

interface Asked {
  readonly path: string;
  readonly accept: string;
  readonly timeoutMs: number;
}

export class KubernetesApi {
  private watching: IncomingMessage | undefined;

  constructor(
    private readonly server: string,
    private readonly account = accountFolder,
  ) {}

  /** Of one node; no more than `limits.containersMax`. */
  async podsOf(node: string): Promise<PodList> {
    const pods: Metadata[] = [];
    let resourceVersion = '';
    let rest = '';
    do {
      const query = new URLSearchParams({ ...ofNode(node), limit: '500', ...(rest ? { continue: rest } : {}) });
      const answer = page.parse(await this.json(`/api/v1/pods?${query.toString()}`, 'PartialObjectMetadataList'));
      pods.push(...answer.items.map((item) => item.metadata));
      ({ resourceVersion, continue: rest } = answer.metadata);
    } while (rest !== '' && pods.length < limits.containersMax);
    return { pods: pods.slice(0, limits.containersMax), resourceVersion };
  }

  /** Pods as they come and change, until the server ends the stream, which it does every few minutes. */
  async watchPods(node: string, resourceVersion: string, onPod: (pod: Metadata) => void): Promise<void> {
    const timeoutSeconds = Math.round((limits.watchMs * (1 + Math.random())) / 1000);
    const watch = { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(timeoutSeconds), resourceVersion };
    const query = new URLSearchParams({ ...ofNode(node), ...watch });
    const accept = as('PartialObjectMetadata');
    const response = await this.get({
      path: `/api/v1/pods?${query.toString()}`,
      accept,
      timeoutMs: 2 * limits.watchMs + limits.runtimeTimeoutMs,
    });
    this.watching = response;
    for await (const line of linesOf(response)) {
      const { type, object } = happened.parse(JSON.parse(line));
      // What was to be told is no longer kept: it is listed anew.
      if (type === 'ERROR') return;
      if (type !== 'BOOKMARK') onPod(thing.parse(object).metadata);
    }
  }

  /** Of "apps/v1/replicasets" one by its name; undefined when it is gone. */
  async find(plural: string, namespace: string, of: string): Promise<Metadata | undefined> {
    const [group = '', version = '', resource = ''] = plural.split('/');
    const path = `/apis/${group}/${version}/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(of)}`;
    try {
      return thing.parse(await this.json(path, 'PartialObjectMetadata')).metadata;
    } catch (error) {
      if (error instanceof NornError && error.code === 'kubernetes_unknown') return undefined;
      throw error;
    }
  }

  close(): void {
    this.watching?.destroy();
  }

  private async json(path: string, kind: string): Promise<unknown> {
    const response = await this.get({ path, accept: as(kind), timeoutMs: limits.runtimeTimeoutMs });
    let text = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.length > limits.runtimeAnswerBytesMax)
        throw new NornError(
          'kubernetes_too_much',
          `The API server's answer has more than ${limits.runtimeAnswerBytesMax} bytes`,
        );
    }
    return JSON.parse(text);
  }

  /** The token is read for each call: the kubelet renews it. */
  private get({ path, accept, timeoutMs }: Asked): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const ca = readFileSync(join(this.account, 'ca.crt'));
      const authorization = `Bearer ${readFileSync(join(this.account, 'token'), 'utf8').trim()}`;
      const sent = request(
        `${this.server}${path}`,
        { ca, headers: { accept, authorization }, agent: false, timeout: timeoutMs },
        (response) => {
          if (response.statusCode === 200) {
            resolve(response);
            return;
          }
          response.destroy();
          reject(refusal(response.statusCode ?? 0, path));
        },
      );
      sent.once('timeout', () => {
        sent.destroy(new NornError('kubernetes_silent', `The API server was silent for ${timeoutMs / 1000} s`));
      });
      sent.once('error', reject);
      sent.end();
    });
  }
}

function ofNode(node: string): Record<string, string> {
  return { fieldSelector: `spec.nodeName=${node}` };
}

function as(kind: string): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}

function refusal(status: number, path: string): NornError {
  const asked = `GET ${path.split('?')[0] ?? ''}`;
  if (status === 404) return new NornError('kubernetes_unknown', `The API server knows nothing at ${asked}`);
  if (status !== 401 && status !== 403)
    return new NornError('kubernetes_refused', `The API server answered ${status} to ${asked}`);
  const cure = 'chart norn-agent has the role that it needs (workloads.enabled)';
  return new NornError(
    'kubernetes_forbidden',
    `The API server refuses the agent's account ${asked} (${status}): ${cure}`,
  );
}

/** Throws when a line is longer than an event may be. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > limits.runtimeEventBytesMax)
      throw new NornError('kubernetes_too_much', `An event has more than ${limits.runtimeEventBytesMax} bytes`);
    yield* lines.filter((line) => line !== '');
  }
}
