// Puts what a host told into the order in which it told it, each thing once. On a live installation the transport does this (a host's
// batches are one ordered stream, and one that is sent again is known by its number); a file may have been merged, cut or sent twice.

export interface Arrival<T> {
  /** `tenant:host`. */
  readonly hostKey: string;
  /** One start of the host's agent; positions are counted within it. */
  readonly stream: string;
  readonly position: number;
  /** Unix µs; the order of a host's streams. */
  readonly timeUs: number;
  readonly item: T;
}

export interface Released<T> extends Arrival<T> {
  /** How many positions right before it never came. */
  readonly missing: number;
}

export interface WindowLimits {
  /** How far something may be from its place, in things of one host. */
  readonly hostHeldMax: number;
  /** Of all hosts together; beyond it the host that is silent longest is released. */
  readonly heldMax: number;
}

export interface ArrivalCounters {
  /** Came again: it was let through before, or waits for its place. */
  repeated: number;
  /** Came, once or again, when what follows it was released already: it was never let through. */
  late: number;
  /** Came so late that it is not known any more which of the two it is; not let through. */
  untold: number;
  missing: number;
}

type Refused = 'repeated' | 'late' | 'untold';

/** Starts of an agent remembered of one host, and gaps of one start. */
const streamsMax = 16;
const gapsMax = 10_000;

export class ArrivalWindow<T> {
  readonly counters: ArrivalCounters = { repeated: 0, late: 0, untold: 0, missing: 0 };
  /** The host that spoke last stands last. */
  private readonly hosts = new Map<string, HostWindow<T>>();
  private held = 0;

  constructor(private readonly limits: WindowLimits) {}

  /** What has its place by now, in order. */
  take(arrival: Arrival<T>): Released<T>[] {
    const { hostKey } = arrival;
    const host = this.hosts.get(hostKey) ?? new HostWindow<T>();
    this.hosts.delete(hostKey);
    this.hosts.set(hostKey, host);
    const verdict = host.hold(arrival);
    if (verdict !== 'held') {
      this.counters[verdict] += 1;
      return [];
    }
    this.held += 1;
    const released = host.held > this.limits.hostHeldMax ? this.release(host, 1) : [];
    return this.held > this.limits.heldMax ? [...released, ...this.releaseSilent()] : released;
  }

  /** Nothing more comes. */
  *end(): Generator<Released<T>> {
    for (const host of this.hosts.values()) yield* this.release(host, host.held);
  }

  private releaseSilent(): Released<T>[] {
    for (const host of this.hosts.values()) if (host.held > 0) return this.release(host, host.held);
    return [];
  }

  private release(host: HostWindow<T>, count: number): Released<T>[] {
    const released: Released<T>[] = [];
    for (let one = host.release(); one; one = released.length < count ? host.release() : undefined) {
      released.push(one);
      this.counters.missing += one.missing;
    }
    this.held -= released.length;
    return released;
  }
}

class HostWindow<T> {
  held = 0;
  private streams: StreamWindow<T>[] = [];

  hold(arrival: Arrival<T>): 'held' | Refused {
    const verdict = this.streamOf(arrival).hold(arrival);
    if (verdict === 'held') this.held += 1;
    return verdict;
  }

  /** The first of the stream that began first. */
  release(): Released<T> | undefined {
    let first: StreamWindow<T> | undefined;
    for (const stream of this.streams) if (stream.held > 0 && (!first || stream.startsBefore(first))) first = stream;
    const released = first?.release();
    if (released) this.held -= 1;
    return released;
  }

  private streamOf({ stream: id }: Arrival<T>): StreamWindow<T> {
    const known = this.streams.find((stream) => stream.id === id);
    if (known) return known;
    const added = new StreamWindow<T>(id);
    const drained = this.streams.length >= streamsMax ? this.streams.findIndex(({ held }) => held === 0) : -1;
    this.streams = [...this.streams.filter((_, at) => at !== drained), added];
    return added;
  }
}

/** Both ends are in it. */
interface Gap {
  readonly from: number;
  readonly to: number;
}

class StreamWindow<T> {
  private startUs = Infinity;
  /** By position. */
  private readonly waiting: Arrival<T>[] = [];
  private first = Infinity;
  private last = -1;
  /** Positions that were passed over, ascending. Before `toldFrom` gaps were forgotten. */
  private gaps: Gap[] = [];
  private toldFrom = 0;

  constructor(readonly id: string) {}

  get held(): number {
    return this.waiting.length;
  }

  startsBefore(other: StreamWindow<T>): boolean {
    return this.startUs < other.startUs || (this.startUs === other.startUs && this.id < other.id);
  }

  hold(arrival: Arrival<T>): 'held' | Refused {
    const { position, timeUs } = arrival;
    if (position <= this.last) return this.passedOver(position);
    // From the end: most come in order.
    let at = this.waiting.length;
    while (at > 0 && (this.waiting[at - 1]?.position ?? -1) > position) at -= 1;
    if (this.waiting[at - 1]?.position === position) return 'repeated';
    this.waiting.splice(at, 0, arrival);
    this.startUs = Math.min(this.startUs, timeUs);
    return 'held';
  }

  release(): Released<T> | undefined {
    const first = this.waiting.shift();
    if (!first) return undefined;
    const isStart = this.first === Infinity;
    if (isStart) this.first = first.position;
    const missing = isStart ? 0 : first.position - this.last - 1;
    if (missing > 0) this.rememberGap({ from: this.last + 1, to: first.position - 1 });
    this.last = first.position;
    return { ...first, missing };
  }

  /** Releases ascend: what is before the first of them, or in a gap, was never among them. */
  private passedOver(position: number): Refused {
    if (position < this.first) return 'late';
    if (position < this.toldFrom) return 'untold';
    return this.isInGap(position) ? 'late' : 'repeated';
  }

  private isInGap(position: number): boolean {
    let [low, high] = [0, this.gaps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.gaps[middle]?.to ?? Infinity) < position) low = middle + 1;
      else high = middle;
    }
    return (this.gaps[low]?.from ?? Infinity) <= position;
  }

  private rememberGap(gap: Gap): void {
    this.gaps.push(gap);
    if (this.gaps.length <= gapsMax) return;
    const forgotten = this.gaps.splice(0, gapsMax / 2);
    this.toldFrom = (forgotten.at(-1)?.to ?? -1) + 1;
  }
}
