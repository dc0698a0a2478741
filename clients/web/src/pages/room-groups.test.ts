import type { RoomInfo } from '@boltorezka/client';
import { describe, expect, it } from 'vitest';
import { roomGroups } from './room-groups.ts';

function room(slug: string, category?: string): RoomInfo {
  const info: RoomInfo = {
    id: slug,
    slug,
    title: slug,
    kind: 'text',
    participantCount: 0,
    position: 0,
    hidden: false,
    readOnly: false,
    lobby: false,
    createdAt: '2026-11-22T00:00:00.000Z',
  };
  return category === undefined ? info : { ...info, category };
}

describe('roomGroups', () => {
  it('keeps the order of rooms and of categories', () => {
    const groups = roomGroups([room('b'), room('a'), room('z', 'Teams'), room('y', 'Teams'), room('x', 'Upstairs')]);
    const seen = groups.map(({ category, rooms }) => [category, rooms.map(({ slug }) => slug)]);
    expect(seen).toEqual([
      [undefined, ['b', 'a']],
      ['Teams', ['z', 'y']],
      ['Upstairs', ['x']],
    ]);
  });

  it('has each category once', () => {
    const groups = roomGroups([room('a', 'Teams'), room('b', 'Upstairs'), room('c', 'Teams')]);
    expect(groups.map(({ category }) => category)).toEqual(['Teams', 'Upstairs']);
    expect(groups[0]?.rooms.map(({ slug }) => slug)).toEqual(['a', 'c']);
  });

  it('has nothing of nothing', () => {
    expect(roomGroups([])).toEqual([]);
  });
});
