// A port that anybody on the network, and anybody on this machine, may knock at: TLS, and few at once who have not shown who they are.
import { createServer as createListener, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTls, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { NornError, messageOf } from '@norn/base';
import { Strangers } from '@norn/base/strangers';
import { Metric, count } from '@norn/telemetry';
import type { ShownCertificate } from '../enrolment/server-certificate.ts';
import { limits } from '../limits.ts';

export interface TlsDoorOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly shown: ShownCertificate;
  /** Without a certificate of its authorities nobody comes in; else anybody does, and is a stranger for as long as he stays. */
  readonly isMutual: boolean;
}

/** Hands over sockets whose handshake is done. Strangers who have to go are counted. */
export class TlsDoor {
  private readonly tls: TlsServer;
  private readonly listener: Server;
  private readonly sockets = new Set<Socket>();
  private readonly strangers = new Strangers(limits.strangersMax, () => {
    count(Metric.IngestConnectionsRefused, 1, { code: 'strangers_full' });
  });

  constructor(
    private readonly options: TlsDoorOptions,
    private readonly enter: (socket: TLSSocket) => void,
  ) {
    const { isMutual: mutual } = options;
    this.tls = createTls(
      {
        ...this.contextOf(options.shown),
        requestCert: mutual,
        rejectUnauthorized: mutual,
        ALPNProtocols: ['h2'],
        handshakeTimeout: limits.handshakeMs,
      },
      (socket) => {
        if (mutual) this.strangers.know(socket);
        socket.on('error', ignore);
        this.enter(socket);
      },
    );
    this.listener = createListener({ noDelay: true }, (socket) => {
      this.knock(socket);
    });
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** Throws `port_taken`. */
  async open(): Promise<void> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.listener.once('error', (error) => {
        const cure = 'stop what listens there or move the ports with NORN_PORT_BASE';
        reject(new NornError('port_taken', `${host}:${port} can not be listened on (${messageOf(error)}): ${cure}`));
      });
      this.listener.listen(port, host, resolve);
    });
  }

  /** From the next handshake on; who is in stays in. */
  show(shown: ShownCertificate): void {
    this.tls.setSecureContext(this.contextOf(shown));
  }

  close(): void {
    this.listener.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private contextOf({ key, cert, clientAuthorities }: ShownCertificate) {
    return { key, cert, ...(this.options.isMutual ? { ca: clientAuthorities } : {}) };
  }

  private knock(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => {
      this.sockets.delete(socket);
    });
    this.strangers.admit(socket);
    this.tls.emit('connection', socket);
  }
}

/** Who leaves in the middle is gone; 'close' follows. */
function ignore(): void {}
