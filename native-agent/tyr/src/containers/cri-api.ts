// The calls of the CRI (runtime.v1) that tyr needs, with the fields it needs, from the numbers of
// https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
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
  readonly podUid: string;
  readonly podNamespace: string;
  /** Without those that are the runtime's own. */
  readonly podLabels: Readonly<Record<string, string>>;
}

export interface CriImage {
  readonly id: string;
  /** "docker.io/shop/web@sha256:…"; none for an image that was never in a registry. */
  readonly digest: string;
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

  async images(): Promise<CriImage[]> {
    return repeated(await this.call('ListImages', everything, 'ImageService'), readImage);
  }

  /** The host's pid of a container's first process; 0 when the runtime does not tell. */
  async pidOf(containerId: string): Promise<number> {
    return readPid(await this.call('ContainerStatus', verboseStatusOf(containerId)));
  }

  close(): void {
    this.client.close();
  }

  private call(method: string, request: Uint8Array, service = 'RuntimeService'): Promise<Buffer> {
    const written = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
    const read = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Buffer): void => {
        if (error === null) resolve(response ?? everything);
        else reject(error);
      };
      const deadline = Date.now() + limits.runtimeTimeoutMs;
      this.client.makeUnaryRequest(`/runtime.v1.${service}/${method}`, written, read, request, { deadline }, done);
    });
  }
}

/** Calls `set` with each field that is a number, bytes or a message; the reader stands behind the tag. */
function fields(reader: BinaryReader, end: number, set: (field: number, wireType: WireType) => boolean): void {
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (!set(field, wireType)) reader.skip(wireType, field);
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

/** PodSandbox: id 1, metadata 2 {name 1, uid 2, namespace 3}, labels 5. */
function readSandbox(reader: BinaryReader, end: number): CriSandbox {
  const podLabels: Record<string, string> = {};
  const sandbox = { id: '', podName: '', podUid: '', podNamespace: '', podLabels };
  fields(reader, end, (field) => {
    if (field === 1) sandbox.id = reader.string();
    else if (field === 2) {
      const metadata = strings(reader);
      sandbox.podName = metadata.get(1) ?? '';
      sandbox.podUid = metadata.get(2) ?? '';
      sandbox.podNamespace = metadata.get(3) ?? '';
    } else if (field === 5) addLabel(podLabels, strings(reader));
    else return false;
    return true;
  });
  return sandbox;
}

/** An entry of a map: name 1, value 2. */
function addLabel(labels: Record<string, string>, entry: ReadonlyMap<number, string>): void {
  const [name = '', value = ''] = [entry.get(1), entry.get(2)];
  const isFull = Object.keys(labels).length >= limits.podLabelsMax;
  // The kubelet's own, which repeat the metadata.
  if (isFull || name.startsWith('io.kubernetes.') || Math.max(name.length, value.length) > limits.labelCharsMax) return;
  labels[name] = value;
}

/** Image: id 1, repo_tags 2, repo_digests 3. */
function readImage(reader: BinaryReader, end: number): CriImage {
  const image = { id: '', digest: '' };
  fields(reader, end, (field) => {
    if (field === 1) image.id = reader.string();
    else if (field === 3 && image.digest === '') image.digest = reader.string();
    else return false;
    return true;
  });
  return image;
}

/** ContainerStatusRequest: container_id 1, verbose 2. */
function verboseStatusOf(containerId: string): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(containerId)
    .tag(2, WireType.Varint)
    .bool(true)
    .finish();
}

/** ContainerStatusResponse: status 1, info 2, a map whose "info" is JSON with a "pid", by containerd and CRI-O alike. */
function readPid(answer: Buffer): number {
  const reader = new BinaryReader(answer);
  let pid = 0;
  fields(reader, reader.len, (field) => {
    if (field !== 2) return false;
    const entry = strings(reader);
    const found = entry.get(1) === 'info' ? /"pid":\s*(\d+)/.exec(entry.get(2) ?? '') : null;
    if (found) pid = Number(found[1]);
    return true;
  });
  return pid;
}

/** The string fields of a message, by number: those that tyr reads; maps and numbers are passed over. */
function strings(reader: BinaryReader): Map<number, string> {
  const found = new Map<number, string>();
  const wanted = new Set([1, 2, 3, 18]);
  fields(reader, reader.uint32() + reader.pos, (field, wireType) => {
    if (!wanted.has(field) || wireType !== WireType.LengthDelimited) return false;
    found.set(field, reader.string());
    return true;
  });
  return found;
}
