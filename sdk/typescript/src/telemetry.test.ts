import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BoltorezkaError, type FailureCode } from './errors.ts';
import type { TelemetryEvent } from './proto.ts';
import { Telemetry } from './telemetry.ts';

const tried: TelemetryEvent = { type: 'reconnectTried' };
const setUp: TelemetryEvent = { type: 'callSetUp' };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function recorded() {
  const batches: TelemetryEvent[][] = [];
  const state = { batches, fails: undefined as FailureCode | undefined };
  const telemetry = new Telemetry(async (events) => {
    if (state.fails) throw new BoltorezkaError(state.fails, '');
    batches.push(events);
  });
  return Object.assign(state, { telemetry });
}

test('events travel together', async () => {
  const { telemetry, batches } = recorded();
  telemetry.add(tried);
  telemetry.add(setUp, setUp);
  expect(batches).toEqual([]);
  await vi.advanceTimersByTimeAsync(60_000);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(batches).toEqual([[tried, setUp, setUp]]);
});

test('what could not be told is kept in order and bounded, what is refused is not', async () => {
  const state = recorded();
  const { telemetry, batches } = state;
  state.fails = 'network';
  telemetry.add(tried);
  await telemetry.flush();
  telemetry.add(...Array<TelemetryEvent>(99).fill(setUp));
  state.fails = undefined;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(batches).toEqual([[tried, ...Array(99).fill(setUp)]]);

  telemetry.add(tried, ...Array<TelemetryEvent>(100).fill(setUp));
  await telemetry.flush();
  expect(batches[1]).toEqual(Array(100).fill(setUp));

  state.fails = 'malformed';
  telemetry.add(tried);
  await telemetry.flush();
  state.fails = undefined;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(batches).toHaveLength(2);
});

/** What a page in front of somebody has. */
function page() {
  const kept = new Map<string, string>();
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
}

test('a session without an end is found when its page comes back', async () => {
  page();
  recorded().telemetry.begin();
  const { telemetry, batches } = recorded();
  telemetry.begin();
  telemetry.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([[{ type: 'sessionCrashed' }, { type: 'sessionBegan' }, { type: 'sessionEnded' }]]);

  const next = recorded();
  next.telemetry.begin();
  next.telemetry.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(next.batches).toEqual([[{ type: 'sessionBegan' }, { type: 'sessionEnded' }]]);
});

test('a page that was in the background did not crash', async () => {
  page();
  recorded().telemetry.begin();
  Object.assign(document, { visibilityState: 'hidden' });
  document.dispatchEvent(new Event('visibilitychange'));
  const { telemetry, batches } = recorded();
  telemetry.begin();
  await telemetry.flush();
  expect(batches).toEqual([[{ type: 'sessionBegan' }]]);
});
