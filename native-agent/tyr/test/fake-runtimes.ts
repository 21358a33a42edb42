// Fakes of Docker's API and of a CRI on unix sockets: real HTTP and gRPC, invented containers.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { type ServerResponse, createServer } from 'node:http';

interface FakeContainer {
  readonly name: string;
  readonly image: string;
}

export class FakeDocker {
  readonly running = new Map<string, FakeContainer>();
  private readonly listeners = new Set<ServerResponse>();
  private readonly server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://docker');
    const inspect = /^\/containers\/(\w+)\/json$/.exec(pathname)?.[1];
    if (pathname === '/events') {
      this.listeners.add(response.writeHead(200));
      response.flushHeaders();
    } else if (pathname === '/containers/json') {
      response.end(JSON.stringify([...this.running.keys()].map((Id) => ({ Id }))));
    } else this.inspect(inspect ?? '', response);
  });

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.server.listen(path, resolve));
  }

  start(id: string, container: FakeContainer): void {
    this.running.set(id, container);
    this.tell('start', id);
  }

  die(id: string): void {
    this.running.delete(id);
    this.tell('die', id);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => {
        resolve();
      });
      this.server.closeAllConnections();
    });
  }

  private tell(Action: string, ID: string): void {
    for (const listener of this.listeners) listener.write(`${JSON.stringify({ Action, Actor: { ID } })}\n`);
  }

  private inspect(id: string, response: ServerResponse): void {
    const container = this.running.get(id);
    if (container === undefined) {
      response.writeHead(404).end('{"message":"No such container"}');
      return;
    }
    const body = {
      Id: id,
      Name: `/${container.name}`,
      Image: 'sha256:0123',
      Config: { Image: container.image },
      State: { StartedAt: '2026-01-02T03:04:05.678901234Z', Running: true },
      GraphDriver: { Data: { MergedDir: `/var/lib/docker/overlay2/${id}/merged` } },
    };
    response.end(JSON.stringify(body));
  }
}

export const imageDigest = `docker.io/shop/web@sha256:${'ab'.repeat(32)}`;

function pair(name: string, value: string): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
  return writer.tag(2, WireType.LengthDelimited).string(value).finish();
}

const containers = new BinaryWriter()
  .tag(1, WireType.LengthDelimited)
  .fork()
  .tag(1, WireType.LengthDelimited)
  .string('c'.repeat(64))
  .tag(2, WireType.LengthDelimited)
  .string('s'.repeat(64))
  .tag(3, WireType.LengthDelimited)
  .fork()
  .tag(1, WireType.LengthDelimited)
  .string('web')
  .tag(2, WireType.Varint)
  .uint32(3)
  .join()
  .tag(4, WireType.LengthDelimited)
  .fork()
  .tag(1, WireType.LengthDelimited)
  .string('sha256:4567')
  .tag(18, WireType.LengthDelimited)
  .string('shop/web:1.4')
  .join()
  .tag(5, WireType.LengthDelimited)
  .string('sha256:4567')
  .tag(6, WireType.Varint)
  .int32(1)
  .tag(7, WireType.Varint)
  .int64(1_760_000_000_000_000_000n)
  .join()
  .finish();

const sandboxes = new BinaryWriter()
  .tag(1, WireType.LengthDelimited)
  .fork()
  .tag(1, WireType.LengthDelimited)
  .string('s'.repeat(64))
  .tag(2, WireType.LengthDelimited)
  .fork()
  .tag(1, WireType.LengthDelimited)
  .string('web-7d9-x2k4q')
  .tag(2, WireType.LengthDelimited)
  .string('uid-of-web')
  .tag(3, WireType.LengthDelimited)
  .string('shop')
  .join()
  .tag(5, WireType.LengthDelimited)
  .bytes(pair('app', 'web'))
  .tag(5, WireType.LengthDelimited)
  .bytes(pair('pod-template-hash', '7d9'))
  .tag(5, WireType.LengthDelimited)
  .bytes(pair('io.kubernetes.pod.name', 'web-7d9-x2k4q'))
  .join()
  .finish();

const images = new BinaryWriter()
  .tag(1, WireType.LengthDelimited)
  .fork()
  .tag(1, WireType.LengthDelimited)
  .string('sha256:4567')
  .tag(2, WireType.LengthDelimited)
  .string('docker.io/shop/web:1.4')
  .tag(3, WireType.LengthDelimited)
  .string(imageDigest)
  .join()
  .finish();

/** The test's own process: it has no token. */
const statusOf = new BinaryWriter()
  .tag(2, WireType.LengthDelimited)
  .bytes(pair('info', JSON.stringify({ sandboxID: 's', pid: process.pid })))
  .finish();

/** One running container in one pod; `serves` false: a containerd whose CRI plugin is off. */
export async function startFakeCri(path: string, { serves = true } = {}): Promise<Server> {
  const server = new Server();
  const answer = (bytes: Uint8Array) => (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    if (serves) done(null, Buffer.from(bytes));
    else done({ code: status.UNIMPLEMENTED, details: 'unknown service runtime.v1.RuntimeService' });
  };
  const same = (bytes: Buffer): Buffer => bytes;
  const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  const method = (name: string, service = 'RuntimeService') => ({
    path: `/runtime.v1.${service}/${name}`,
    requestStream: false,
    responseStream: false,
    ...raw,
  });
  server.addService(
    {
      listContainers: method('ListContainers'),
      listPodSandbox: method('ListPodSandbox'),
      listImages: method('ListImages', 'ImageService'),
      containerStatus: method('ContainerStatus'),
    },
    {
      listContainers: answer(containers),
      listPodSandbox: answer(sandboxes),
      listImages: answer(images),
      containerStatus: answer(statusOf),
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return server;
}
