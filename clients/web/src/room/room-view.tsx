import type { LocalMedia, Room } from '@boltorezka/client';
import { useCallback, useState } from 'react';
import { useAnnounce } from '../app/announcer.tsx';
import { useEvent, useIsNarrow, useMediaQuery, useObservable } from '../app/hooks.ts';
import { ChatPanel } from '../chat/chat-panel.tsx';
import { SearchPanel } from '../chat/search-panel.tsx';
import { useUnread } from '../chat/use-unread.ts';
import { PeoplePanel } from '../people/people-panel.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { useToast } from '../ui/toasts.tsx';
import { CallView } from './call-view.tsx';
import { ConnectionBanner } from './connection-banner.tsx';
import { Lobby } from './lobby.tsx';
import { RoomHeader } from './room-header.tsx';
import styles from './room-view.module.css';
import { SidePanel } from './side-panel.tsx';
import { callEndText } from './texts.ts';

const PANELS = { chat: 'Chat', people: 'People', search: 'Search' };

export type Panel = keyof typeof PANELS;

/** A room that we are in: stage or lobby, with chat, people or search beside it. */
export function RoomView({ room, media }: { room: Room; media: LocalMedia }) {
  useObservable(room);
  const call = useObservable(room.call);
  const announce = useAnnounce();
  const toast = useToast();
  const isNarrow = useIsNarrow();
  const isWide = useMediaQuery('(min-width: 1000px)');
  const isText = room.info.kind === 'text';
  const [panel, setPanel] = useState<Panel | undefined>(isWide && !isText ? 'chat' : undefined);
  const unread = useUnread(room.chat, panel === 'chat' || isText);

  useEvent(room, 'participantJoined', (entry) => announce(`${entry.displayName} came in`));
  useEvent(room, 'participantLeft', (entry) => announce(`${entry.displayName} left`));
  useEvent(room, 'knocked', (entry) => toast(`${entry.displayName} waits to be let in. See People.`));
  useEvent(call, 'ended', (reason) => toast(callEndText(reason)));
  useEvent(media, 'deviceLost', (kind) => toast(`The ${kind} was disconnected.`, 'error'));

  const toggle = useCallback((wanted: Panel) => setPanel((open) => (open === wanted ? undefined : wanted)), []);
  const close = useCallback(() => setPanel(undefined), []);
  const isInCall = call.state === 'connected' || call.state === 'reconnecting';

  return (
    <div className={styles.room}>
      <RoomHeader room={room} panel={panel} unread={unread} onToggle={toggle} />
      <ConnectionBanner room={room} />
      <div className={styles.body}>
        <main className={styles.main}>
          {isText && <ChatPanel room={room} isPage />}
          {!isText && (isInCall ? <CallView room={room} media={media} /> : <Lobby room={room} media={media} />)}
        </main>
        {panel !== undefined && !isNarrow && (
          <SidePanel title={PANELS[panel]} onClose={close}>
            <PanelBody panel={panel} room={room} onClose={close} />
          </SidePanel>
        )}
      </div>
      {isNarrow && (
        <Dialog kind="sheet" title={PANELS[panel ?? 'chat']} isOpen={panel !== undefined} onClose={close}>
          <PanelBody panel={panel ?? 'chat'} room={room} onClose={close} />
        </Dialog>
      )}
    </div>
  );
}

function PanelBody({ panel, room, onClose }: { panel: Panel; room: Room; onClose(): void }) {
  if (panel === 'people') return <PeoplePanel room={room} />;
  if (panel === 'search') return <SearchPanel slug={room.slug} onClose={onClose} />;
  return <ChatPanel room={room} />;
}
