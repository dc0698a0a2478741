import type { RoomInfo } from '@boltorezka/client';
import { describe, expect, it } from 'vitest';
import { writingRules } from './writing-rules.ts';

const plain: RoomInfo = {
  id: '1',
  slug: 'talk',
  title: 'Talk',
  kind: 'text',
  participantCount: 0,
  position: 0,
  hidden: false,
  readOnly: false,
  lobby: false,
  createdAt: '2026-11-22T00:00:00.000Z',
};

describe('writingRules', () => {
  it('says nothing where everybody may write', () => {
    expect(writingRules(plain, 'member')).toEqual({ mayWrite: true });
    expect(writingRules(plain, undefined)).toEqual({ mayWrite: true });
  });

  it('lets listeners read along', () => {
    expect(writingRules(plain, 'listener').mayWrite).toBe(false);
  });

  it('lets those write who may by a custom role', () => {
    expect(writingRules(plain, 'listener', new Set(['chat.message.send']))).toEqual({ mayWrite: true });
    const unrestrained = new Set(['chat.message.send_unrestrained']);
    expect(writingRules({ ...plain, readOnly: true }, 'member', unrestrained)).toEqual({ mayWrite: true });
    expect(writingRules(plain, 'listener', unrestrained).mayWrite).toBe(false);
  });

  it('lets moderators write in a read-only room', () => {
    const room = { ...plain, readOnly: true };
    expect(writingRules(room, 'member')).toEqual({
      mayWrite: false,
      notice: 'This room is read-only: moderators write here.',
    });
    for (const role of ['moderator', 'owner'] as const) expect(writingRules(room, role)).toEqual({ mayWrite: true });
  });

  it('says how slow a room is, but to moderators', () => {
    const notice = (slowModeS: number) => writingRules({ ...plain, slowModeS }, 'member').notice;
    expect(notice(1)).toBe('Slow mode: one message each second.');
    expect(notice(90)).toBe('Slow mode: one message each 90 seconds.');
    expect(notice(60)).toBe('Slow mode: one message each minute.');
    expect(notice(300)).toBe('Slow mode: one message each 5 minutes.');
    expect(notice(3600)).toBe('Slow mode: one message each hour.');
    expect(notice(21_600)).toBe('Slow mode: one message each 6 hours.');
    expect(writingRules({ ...plain, slowModeS: 60 }, 'moderator')).toEqual({ mayWrite: true });
  });
});
