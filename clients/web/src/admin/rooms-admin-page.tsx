import type { AdminRoom } from '@boltorezka/client';
import { Trash2 } from 'lucide-react';
import { useCallback, useState } from 'react';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { IconButton } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { AdminFrame } from './admin-frame.tsx';

const KINDS: Record<AdminRoom['kind'], string> = { text: 'Text', voice: 'Voice', video: 'Video', direct: 'Direct' };

/** The rooms of all workspaces. */
export function RoomsAdminPage() {
  const paged = usePaged(useCallback((page) => client.admin.rooms(page), []));
  const [asked, setAsked] = useState<AdminRoom>();
  const remove = async () => {
    if (!asked) return;
    await client.admin.deleteRoom(asked.workspace, asked.slug);
    paged.change((rooms) => rooms.filter((room) => room.id !== asked.id));
  };
  return (
    <AdminFrame section="rooms">
      <Records label="Rooms" {...paged} keyOf={(room) => room.id} empty="There is no room yet.">
        {(room) => (
          <RecordItem
            title={room.title}
            text={`${room.workspace} / ${room.slug}`}
            badges={
              <>
                <Badge>{KINDS[room.kind]}</Badge>
                {room.inCallCount > 0 && <Badge kind="good">{room.inCallCount} in the call</Badge>}
              </>
            }
            facts={[
              {
                label: 'Inside',
                value:
                  room.capacity === undefined ? room.participantCount : `${room.participantCount} of ${room.capacity}`,
              },
              { label: 'With a role', value: room.memberCount },
              { label: 'Last message', value: room.lastMessageAt ? timeText(room.lastMessageAt) : 'none' },
              { label: 'Made', value: timeText(room.createdAt) },
            ]}
            actions={
              <IconButton label={`Delete ${room.title}`} onPress={() => setAsked(room)}>
                <Trash2 size={18} />
              </IconButton>
            }
          />
        )}
      </Records>
      <ConfirmDialog
        title={`Delete ${asked?.title ?? ''}?`}
        confirm="Delete room"
        isDangerous
        isOpen={asked !== undefined}
        onClose={() => setAsked(undefined)}
        onConfirm={remove}
      >
        <p>Its messages are gone for good, and its call ends for everybody.</p>
      </ConfirmDialog>
    </AdminFrame>
  );
}
