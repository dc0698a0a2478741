import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BoltorezkaError } from '../errors.ts';
import { resume } from './resume.ts';

describe('resume', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A connection whose restarts are counted; media comes back when `comesBack` says so. */
  function connection(comesBack: (restarts: number) => boolean) {
    const answers: string[] = [];
    let restarts = 0;
    return {
      answers,
      restart: async () => `offer ${++restarts}`,
      answer: async (sdp: string) => void answers.push(sdp),
      connected: async () => comesBack(restarts),
    };
  }

  test('is tried again while the server cannot be reached, and until media flows', async () => {
    const lost = connection((restarts) => restarts === 3);
    let calls = 0;
    const exchange = async (sdp: string) => {
      calls += 1;
      if (calls === 1) throw new BoltorezkaError('network', 'unreachable');
      return `answer to ${sdp}`;
    };
    const resumed = resume(lost, exchange, () => true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await resumed).toBe(true);
    expect(lost.answers).toEqual(['answer to offer 2', 'answer to offer 3']);
  });

  test('a refused token is not tried again', async () => {
    let calls = 0;
    const refused = async () => {
      calls += 1;
      throw new BoltorezkaError('invalid_token', 'expired');
    };
    expect(
      await resume(
        connection(() => true),
        refused,
        () => true,
      ),
    ).toBe(false);
    expect(calls).toBe(1);
  });

  test('ends with the seat, and when nobody wants it any more', async () => {
    const unreachable = async (): Promise<string> => {
      throw new BoltorezkaError('network', 'unreachable');
    };
    let calls = 0;
    const resumed = resume(
      connection(() => true),
      unreachable,
      () => {
        calls += 1;
        return true;
      },
    );
    await vi.advanceTimersByTimeAsync(100_000);
    expect(await resumed).toBe(false);
    expect(calls).toBeGreaterThan(3);
    expect(
      await resume(
        connection(() => true),
        unreachable,
        () => false,
      ),
    ).toBe(false);
  });
});
