import { codeOf, LocalMedia, Room, type RoomInfo } from '@boltorezka/client';
import { useCallback, useEffect, useState } from 'react';
import { preferences } from '../app/preferences.ts';
import { navigate, roomPath } from '../app/router.ts';
import { client, messageOf, useSession, useUser } from '../app/session.tsx';

export type RoomStatus =
  | { status: 'loading' }
  | { status: 'failed'; title: string; message: string }
  | { status: 'ready'; room: Room; media: LocalMedia };

/** The stay that a moderator moved us to, on its way from one room's page to the other's. */
let movedTo: Room | undefined;

/** Enters a room for as long as the component is shown. `again` enters anew, after the stay has ended. */
export function useRoom(slug: string): RoomStatus & { again(): void } {
  const { gateway, signedOut } = useSession();
  const { id: userId } = useUser();
  const [status, setStatus] = useState<RoomStatus>({ status: 'loading' });
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` is there to run it again
  useEffect(() => {
    let isGone = false;
    let leave: (() => void) | undefined;
    const enter = (info: RoomInfo) => show(new Room(gateway(), info, { storage: localStorage, userId }));
    const show = (room: Room) => {
      const media = new LocalMedia(preferences().devices);
      leave = () => {
        room.leave();
        media.stop();
      };
      room.on('moved', (next) => {
        movedTo = next;
        navigate(roomPath(next.slug));
      });
      setStatus({ status: 'ready', room, media });
    };
    const arrived = movedTo?.slug === slug ? movedTo : undefined;
    movedTo = undefined;
    if (arrived) {
      show(arrived);
      return () => leave?.();
    }
    setStatus({ status: 'loading' });
    client.room(slug).then(
      (info) => {
        if (!isGone) enter(info);
      },
      (error: unknown) => {
        if (isGone) return;
        if (codeOf(error) === 'unauthenticated') signedOut();
        else setStatus({ status: 'failed', ...explain(error) });
      },
    );
    return () => {
      isGone = true;
      leave?.();
    };
  }, [slug, attempt, userId]);

  const again = useCallback(() => setAttempt((count) => count + 1), []);
  return { ...status, again };
}

function explain(error: unknown): { title: string; message: string } {
  switch (codeOf(error)) {
    case 'not_found':
      return {
        title: 'There is no such room',
        message: 'It may have been deleted, or the address has a typing mistake.',
      };
    case 'banned':
      return {
        title: 'You are banned from this room',
        message: 'A moderator decided so. Ask them if you think it is a mistake.',
      };
    case 'forbidden':
      return { title: 'This room is not open to you', message: 'Ask a moderator of the room to let you in.' };
    default:
      return { title: 'The room cannot be opened', message: messageOf(error) };
  }
}
