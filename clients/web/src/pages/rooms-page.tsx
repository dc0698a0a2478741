import type { RoomInfo, RoomKind } from '@boltorezka/client';
import { Hash, Mic, Plus, Users, Video } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { Link } from 'react-aria-components';
import { useTitle } from '../app/hooks.ts';
import { roomPath } from '../app/router.ts';
import { client, isAdmin, messageOf, useUser } from '../app/session.tsx';
import { useLoadedGranted } from '../app/use-granted.ts';
import { DirectList } from '../direct/direct-list.tsx';
import { Button } from '../ui/button.tsx';
import { Skeleton } from '../ui/loading.tsx';
import { CreateRoomDialog } from './create-room-dialog.tsx';
import { PageFrame } from './page-frame.tsx';
import { roomGroups } from './room-groups.ts';
import styles from './rooms-page.module.css';

/** How often the number of people in each room is asked for. */
const REFRESH_MS = 10_000;

/** Rooms asked for at a time. */
const PAGE_SIZE = 100;

/** Most pages that are loaded: a list that no person reads to its end. */
const PAGES_MAX = 10;

const KINDS: Record<RoomKind, { icon: typeof Hash; text: string }> = {
  text: { icon: Hash, text: 'Chat' },
  voice: { icon: Mic, text: 'Voice and chat' },
  video: { icon: Video, text: 'Video, voice and chat' },
  direct: { icon: Users, text: 'Direct messages' },
};

async function allRooms(): Promise<RoomInfo[]> {
  const rooms: RoomInfo[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await client.rooms(cursor === undefined ? { limit: PAGE_SIZE } : { cursor, limit: PAGE_SIZE });
    rooms.push(...answer.items);
    cursor = answer.nextCursor;
    if (cursor === undefined) break;
  }
  return rooms;
}

/** All rooms, by category and in the order that their owners gave them. */
export function RoomsPage() {
  useTitle('Rooms');
  const user = useUser();
  const [rooms, setRooms] = useState<RoomInfo[]>();
  const [error, setError] = useState<string>();
  const [isCreating, setCreating] = useState(false);

  const load = useCallback(async () => {
    try {
      setRooms(await allRooms());
      setError(undefined);
    } catch (failure) {
      setError(messageOf(failure));
    }
  }, []);

  useEffect(() => {
    void load();
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void load();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [load]);

  const granted = useLoadedGranted();
  const mayCreate = isAdmin(user) || granted.has('rooms.room.create');
  return (
    <PageFrame
      title="Rooms"
      actions={
        mayCreate && (
          <Button onPress={() => setCreating(true)}>
            <Plus size={17} />
            New room
          </Button>
        )
      }
    >
      {error !== undefined && (
        <p role="alert" className={styles.error}>
          {error}
        </p>
      )}
      <div className={styles.columns}>
        <div className={styles.rooms}>
          {rooms === undefined ? (
            error === undefined && <LoadingRooms />
          ) : (
            <RoomList rooms={rooms} mayCreate={mayCreate} />
          )}
        </div>
        <DirectList />
      </div>
      <CreateRoomDialog isOpen={isCreating} onClose={() => setCreating(false)} />
    </PageFrame>
  );
}

function RoomList({ rooms, mayCreate }: { rooms: RoomInfo[]; mayCreate: boolean }) {
  if (rooms.length === 0) {
    return (
      <div className={styles.empty}>
        <Video size={28} />
        <h2>No rooms yet</h2>
        <p>
          {mayCreate
            ? 'Make the first one: a place to talk, see each other and write.'
            : 'An admin has to make one first.'}
        </p>
      </div>
    );
  }
  return roomGroups(rooms).map(({ category, rooms }) => (
    <section key={category ?? ''} className={styles.group} aria-label={category ?? 'Rooms'}>
      {category !== undefined && <h2 className={styles.category}>{category}</h2>}
      <ul className={styles.list}>
        {rooms.map((room) => (
          <RoomRow key={room.id} room={room} />
        ))}
      </ul>
    </section>
  ));
}

function RoomRow({ room }: { room: RoomInfo }) {
  const { icon: Icon, text } = KINDS[room.kind];
  const count = room.participantCount;
  return (
    <li>
      <Link href={roomPath(room.slug)} className={styles.room ?? ''}>
        <span className={styles.kind}>
          <Icon size={19} />
        </span>
        <span className={styles.names}>
          <span className={styles.title}>{room.title}</span>
          <span className={styles.text}>{text}</span>
        </span>
        <span className={count > 0 ? styles.busy : styles.count}>
          <Users size={15} />
          <span aria-hidden="true">{room.capacity === undefined ? count : `${count} / ${room.capacity}`}</span>
          <span className="visually-hidden">{count === 1 ? '1 person inside' : `${count} people inside`}</span>
        </span>
      </Link>
    </li>
  );
}

function LoadingRooms() {
  return (
    <ul className={styles.list} aria-busy="true" aria-label="Loading rooms">
      {[180, 130, 210].map((width) => (
        <li key={width} className={styles.room}>
          <Skeleton width={40} height={40} />
          <span className={styles.names}>
            <Skeleton width={width} height={14} />
            <Skeleton width={width * 0.6} />
          </span>
        </li>
      ))}
    </ul>
  );
}
