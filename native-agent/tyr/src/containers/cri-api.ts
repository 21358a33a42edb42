// The two calls of the CRI (runtime.v1) that tyr needs, with the fields it needs, from the numbers of
// https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto.
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { limits } from '../limits.ts';

export interface CriContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly createdAtNs: bigint;
}

export interface CriSandbox {
  readonly id: string;
  readonly podName: string;
  readonly podNamespace: string;
}

/** `ContainerFilter{state: ContainerStateValue{state: CONTAINER_RUNNING}}` in `ListContainersRequest.filter`. */
const runningOnly = Buffer.from([0x0a, 0x04, 0x12, 0x02, 0x08, 0x01]);
const everything = Buffer.alloc(0);

export class CriApi {
  private readonly client: Client;

  constructor(socketPath: string) {
    this.client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': limits.runtimeAnswerBytesMax,
      'grpc.initial_reconnect_backoff_ms': 500,
      'grpc.max_reconnect_backoff_ms': 5000,
      // containerd refuses the socket's path as an authority.
      'grpc.default_authority': 'localhost',
    });
  }

  async containers(): Promise<CriContainer[]> {
    return repeated(await this.call('ListContainers', runningOnly), readContainer);
  }

  async sandboxes(): Promise<CriSandbox[]> {
    return repeated(await this.call('ListPodSandbox', everything), readSandbox);
  }

  close(): void {
    this.client.close();
  }

  private call(method: string, request: Buffer): Promise<Buffer> {
    const same = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Buffer): void => {
        if (error === null) resolve(response ?? everything);
        else reject(error);
      };
      const deadline = Date.now() + limits.runtimeTimeoutMs;
      this.client.makeUnaryRequest(`/runtime.v1.RuntimeService/${method}`, same, same, request, { deadline }, done);
    });
  }
}

/** Calls `set` with each field that is a number, bytes or a message; the reader stands behind the tag. */
function fields(reader: BinaryReader, end: number, set: (field: number) => boolean): void {
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (!set(field)) reader.skip(wireType, field);
  }
}

/** Both lists are field 1 of their answers. */
function repeated<T>(answer: Buffer, read: (reader: BinaryReader, end: number) => T): T[] {
  const reader = new BinaryReader(answer);
  const items: T[] = [];
  fields(reader, reader.len, (field) => {
    if (field !== 1) return false;
    const length = reader.uint32();
    items.push(read(reader, reader.pos + length));
    return true;
  });
  return items.slice(0, limits.containersMax);
}

/** Container: id 1, pod_sandbox_id 2, metadata 3 {name 1}, image 4 {image 1, user_specified_image 18}, image_ref 5, created_at 7. */
function readContainer(reader: BinaryReader, end: number): CriContainer {
  const container = { id: '', sandboxId: '', name: '', image: '', imageId: '', createdAtNs: 0n };
  fields(reader, end, (field) => {
    if (field === 1) container.id = reader.string();
    else if (field === 2) container.sandboxId = reader.string();
    else if (field === 3) container.name = strings(reader).get(1) ?? '';
    else if (field === 4) {
      const image = strings(reader);
      container.image = image.get(18) ?? image.get(1) ?? '';
    } else if (field === 5) container.imageId = reader.string();
    else if (field === 7) container.createdAtNs = BigInt(reader.int64());
    else return false;
    return true;
  });
  return container;
}

/** PodSandbox: id 1, metadata 2 {name 1, uid 2, namespace 3}. */
function readSandbox(reader: BinaryReader, end: number): CriSandbox {
  const sandbox = { id: '', podName: '', podNamespace: '' };
  fields(reader, end, (field) => {
    if (field === 1) sandbox.id = reader.string();
    else if (field === 2) {
      const metadata = strings(reader);
      sandbox.podName = metadata.get(1) ?? '';
      sandbox.podNamespace = metadata.get(3) ?? '';
    } else return false;
    return true;
  });
  return sandbox;
}

/** The string fields of a message, by number: those that tyr reads; maps and numbers are passed over. */
function strings(reader: BinaryReader): Map<number, string> {
  const found = new Map<number, string>();
  const wanted = new Set([1, 3, 18]);
  fields(reader, reader.uint32() + reader.pos, (field) => {
    if (!wanted.has(field)) return false;
    found.set(field, reader.string());
    return true;
  });
  return found;
}
