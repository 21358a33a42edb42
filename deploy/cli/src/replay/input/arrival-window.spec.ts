import { SeededRandom } from '@norn/base';
import { type Arrival, ArrivalWindow } from './arrival-window.ts';

const at = (position: number, stream = 's', hostKey = 't:a', timeUs = 1000): Arrival<string> => ({
  hostKey,
  stream,
  position,
  timeUs,
  item: `${hostKey} ${stream}${position}`,
});

/** Items with what is missing right before them: "2! t:a s5". */
function through(arrivals: readonly Arrival<string>[], hostHeldMax = 8, heldMax = 100) {
  const window = new ArrivalWindow<string>({ hostHeldMax, heldMax });
  const released = [...arrivals.flatMap((arrival) => window.take(arrival)), ...window.end()];
  const items = released.map(({ missing, item }) => (missing > 0 ? `${missing}! ${item}` : item));
  return { items, counters: window.counters };
}

const inOrder = Array.from({ length: 40 }, (_, position) => at(position));

describe('the window of arrivals', () => {
  it.each([1, 2, 3])('puts in order what is less than its size out of place (%i)', (seed) => {
    const random = new SeededRandom(seed);
    const mixed = [0, 8, 16, 24, 32].flatMap((from) => random.shuffled(inOrder.slice(from, from + 8)));
    expect(mixed).not.toEqual(inOrder);
    const { items, counters } = through(mixed);
    expect(items).toEqual(inOrder.map(({ item }) => item));
    expect(counters).toEqual({ repeated: 0, late: 0, untold: 0, missing: 0 });
  });

  it('lets through once what comes again, soon or much later', () => {
    const { items, counters } = through([at(0), at(0), ...inOrder.slice(1), at(3), at(39)]);
    expect(items).toEqual(inOrder.map(({ item }) => item));
    expect(counters.repeated).toBe(3);
  });

  it('says what never came, and takes it no more when it comes too late', () => {
    const { items, counters } = through([
      ...inOrder.filter(({ position }) => ![4, 5].includes(position)),
      at(4),
      at(4),
    ]);
    expect(items[4]).toBe('2! t:a s6');
    expect(counters).toEqual({ repeated: 0, late: 2, untold: 0, missing: 2 });
  });

  it('does not call come again what was never let through: all of it in reverse order', () => {
    const { items, counters } = through([...inOrder].reverse());
    expect(items).toHaveLength(9);
    expect(counters).toEqual({ repeated: 0, late: 31, untold: 0, missing: 0 });
  });

  it('says so when it can not tell any more, because there were too many gaps', () => {
    const even = Array.from({ length: 10_050 }, (_, step) => at(step * 2));
    const { counters } = through([...even, at(3), at(4), at(20_001), at(20_002)]);
    expect(counters).toEqual({ repeated: 1, late: 1, untold: 2, missing: 10_049 });
  });

  it('begins where a stream begins, and keeps one start of an agent before the next', () => {
    const streams = [
      at(7, 'old', 't:a', 10),
      at(1, 'new', 't:a', 20),
      at(8, 'old', 't:a', 11),
      at(2, 'new', 't:a', 21),
    ];
    expect(through(streams).items).toEqual(['t:a old7', 't:a old8', 't:a new1', 't:a new2']);
  });

  it('holds no more than it may: the host that is silent longest is released', () => {
    const window = new ArrivalWindow<string>({ hostHeldMax: 8, heldMax: 3 });
    expect([at(0, 's', 't:a'), at(0, 's', 't:b'), at(1, 's', 't:a')].flatMap((each) => window.take(each))).toEqual([]);
    expect(window.take(at(0, 's', 't:c')).map(({ item }) => item)).toEqual(['t:b s0']);
  });
});
