import { describe, expect, test } from 'vitest';
import type { SlotState, TrackInfo, TrackSource } from '../proto.ts';
import { InCallState } from './in-call-state.ts';
import { LossMeter } from './loss-meter.ts';
import { Outgoing, RESEND_MS } from './outgoing.ts';
import { publications, type SourceState } from './publications.ts';
import { qualityLevel } from './quality.ts';
import { SlotMap } from './slot-map.ts';
import { slotWishes } from './wishes.ts';

const track = (number: number, source: TrackSource = 'camera'): TrackInfo => ({
  track: number,
  participantId: `p${number}`,
  source,
  muted: false,
});

describe('outgoing state', () => {
  const log: string[] = [];
  const outgoing = () => {
    log.length = 0;
    return new Outgoing<string>((rev, state) => log.push(`${rev}:${state}`));
  };

  test('the same state is not sent twice', () => {
    const state = outgoing();
    state.set('a', 0);
    state.set('a', 1);
    state.set('b', 2);
    expect(log).toEqual(['1:a', '2:b']);
  });

  test('is sent again under its revision until acknowledged', () => {
    const state = outgoing();
    state.set('a', 0);
    state.tick(RESEND_MS - 1);
    state.tick(RESEND_MS);
    expect(log).toEqual(['1:a', '1:a']);
    state.settle(1);
    state.tick(9 * RESEND_MS);
    expect(log).toHaveLength(2);
  });

  test('an ack of an older revision does not count', () => {
    const state = outgoing();
    state.set('a', 0);
    state.set('b', 0);
    state.settle(1);
    state.tick(RESEND_MS);
    expect(log).toEqual(['1:a', '2:b', '2:b']);
  });

  test('a new channel gets the same state again under a new revision, and nothing older', () => {
    const state = outgoing();
    state.set('a', 0);
    state.restart();
    state.tick(RESEND_MS);
    expect(log).toEqual(['1:a']);
    state.set('a', 5);
    expect(log).toEqual(['1:a', '2:a']);
  });
});

describe('slot map', () => {
  test('the latest revision wins', () => {
    const map = new SlotMap();
    expect(map.apply({ type: 'slots', rev: 2, slots: [{ mid: '4', track: 7 }] })).toBe(true);
    expect(map.apply({ type: 'slots', rev: 1, slots: [{ mid: '4', track: 6 }] })).toBe(false);
    expect(map.apply({ type: 'slots', rev: 2, slots: [] })).toBe(false);
    expect(map.slotOf(7)?.mid).toBe('4');
    expect(map.slotOf(6)).toBeUndefined();
  });

  test('tracks and slots have revisions of their own', () => {
    const map = new SlotMap();
    map.apply({ type: 'slots', rev: 9, slots: [] });
    expect(map.apply({ type: 'tracks', rev: 1, tracks: [track(1)] })).toBe(true);
    expect(map.tracks).toHaveLength(1);
  });
});

describe('slot wishes', () => {
  const slots = new Map<string, SlotState>([
    ['5', { mid: '5', track: 1 }],
    ['6', { mid: '6', track: 2 }],
    ['7', { mid: '7' }],
  ]);
  const input = { mids: ['5', '6', '7'], slots, tracks: [track(1), track(2), track(3)], pinned: [] };

  test('each slot asks for the height of the tile that shows it', () => {
    const heights = new Map([
      [1, 301],
      [2, 0],
    ]);
    expect(slotWishes({ ...input, heights })).toEqual([
      { mid: '5', mode: 'auto', heightMax: 315 },
      { mid: '6', mode: 'auto', heightMax: 90 },
      { mid: '7', mode: 'auto' },
    ]);
  });

  test('a pinned track keeps its slot, or takes an empty one, or the last', () => {
    const heights = new Map([[3, 700]]);
    const modes = (pinned: number[]) =>
      slotWishes({ ...input, heights, pinned }).map((wish) => (wish.mode === 'pinned' ? wish.track : 0));
    expect(modes([2])).toEqual([0, 2, 0]);
    expect(modes([3])).toEqual([0, 0, 3]);
    expect(modes([2, 3])).toEqual([0, 2, 3]);
    expect(slotWishes({ ...input, heights, pinned: [3] })[2]).toMatchObject({ heightMax: 720, priority: 10 });
    const full = new Map(slots).set('7', { mid: '7', track: 9 });
    expect(slotWishes({ ...input, slots: full, heights, pinned: [3] })[2]).toMatchObject({ mode: 'pinned', track: 3 });
  });

  test('a pin ends with its track', () => {
    const wishes = slotWishes({ ...input, heights: new Map(), pinned: [99] });
    expect(wishes.every((wish) => wish.mode === 'auto')).toBe(true);
  });
});

describe('publications', () => {
  const states = new Map<TrackSource, SourceState>([
    ['microphone', { live: true, muted: true }],
    ['camera', { live: false, muted: false }],
    ['screen', { live: true, muted: false, heights: [1080, 1080] }],
  ]);
  const mids = new Map<TrackSource, string>([
    ['microphone', '0'],
    ['camera', '1'],
    ['screen', '2'],
  ]);

  test('a muted microphone stays, a camera that is off does not', () => {
    const permissions = { subscribe: true, microphone: true, camera: true, screen: true, data: true, hidden: false };
    expect(publications(states, mids, permissions)).toEqual([
      { mid: '0', source: 'microphone', muted: true },
      { mid: '2', source: 'screen', muted: false, heights: [1080, 1080] },
    ]);
  });

  test('nothing is published without the right', () => {
    const permissions = { subscribe: true, microphone: false, camera: false, screen: false, data: true, hidden: false };
    expect(publications(states, mids, permissions)).toEqual([]);
  });
});

test('quality falls with loss and delay', () => {
  expect(qualityLevel({ uplinkLossRatio: 0, downlinkLossRatio: 0, rttMs: 20 })).toBe('good');
  expect(qualityLevel({ uplinkLossRatio: 0, downlinkLossRatio: 0, rttMs: undefined })).toBe('good');
  expect(qualityLevel({ uplinkLossRatio: 0.1, downlinkLossRatio: 0, rttMs: 20 })).toBe('fair');
  expect(qualityLevel({ uplinkLossRatio: 0, downlinkLossRatio: 0.25, rttMs: 20 })).toBe('poor');
  expect(qualityLevel({ uplinkLossRatio: 0, downlinkLossRatio: 0, rttMs: 700 })).toBe('fair');
});

test('loss is measured between reports', () => {
  const meter = new LossMeter();
  const report = (packetsReceived: number, packetsLost: number) => [
    { type: 'inbound-rtp', packetsReceived, packetsLost },
    { type: 'outbound-rtp', packetsReceived: 9, packetsLost: 9 },
  ];
  expect(meter.ratio(report(100, 50))).toBe(0);
  expect(meter.ratio(report(175, 75))).toBe(0.25);
  expect(meter.ratio(report(185, 70))).toBe(0);
  expect(meter.ratio(report(185, 70))).toBe(0);
});

describe('what the shard has told', () => {
  test('a track has the media of the slot that carries it', () => {
    const state = new InCallState();
    const media = {} as MediaStreamTrack;
    const mediaOf = (mid: string) => (mid === '4' ? media : undefined);
    expect(state.apply({ type: 'tracks', rev: 1, tracks: [track(7), track(8)] }, mediaOf)).toBe(true);
    expect(state.tracks.map((each) => each.media)).toEqual([undefined, undefined]);
    state.apply({ type: 'slots', rev: 1, slots: [{ mid: '4', track: 7, rid: 'h', reason: 'size' }] }, mediaOf);
    expect(state.tracks[0]).toMatchObject({ number: 7, media, rid: 'h', reason: 'size' });
    expect(state.tracks[1]?.media).toBeUndefined();
    expect(state.apply({ type: 'slots', rev: 1, slots: [] }, mediaOf)).toBe(false);
    expect(state.tracks[0]?.media).toBe(media);
  });

  test('rights fail closed until they are told', () => {
    const state = new InCallState();
    expect(Object.values(state.permissions)).toEqual([false, false, false, false, false, false]);
    const permissions = { subscribe: true, microphone: true, camera: false, screen: false, data: true, hidden: false };
    state.apply({ type: 'welcome', participantId: 'p', permissions }, () => undefined);
    expect(state).toMatchObject({ participantId: 'p', permissions });
  });
});
