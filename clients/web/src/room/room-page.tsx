import type { LocalMedia, Room } from '@boltorezka/client';
import { useEffect, useState } from 'react';
import { useObservable, useTitle } from '../app/hooks.ts';
import { useSession } from '../app/session.tsx';
import { MessagePage } from '../pages/message-page.tsx';
import { Button } from '../ui/button.tsx';
import { RoomSkeleton } from './room-skeleton.tsx';
import { RoomView } from './room-view.tsx';
import { roomEndText } from './texts.ts';
import { useRoom } from './use-room.ts';
import { WaitingRoom } from './waiting-room.tsx';

/** `/rooms/{slug}`. */
export function RoomPage({ slug }: { slug: string }) {
  const { again, ...state } = useRoom(slug);
  if (state.status === 'loading') return <RoomSkeleton />;
  if (state.status === 'failed') {
    return (
      <MessagePage title={state.title} text={state.message}>
        <Button onPress={again}>Try again</Button>
      </MessagePage>
    );
  }
  return <EnteredRoom room={state.room} media={state.media} onAgain={again} />;
}

function EnteredRoom({ room, media, onAgain }: { room: Room; media: LocalMedia; onAgain(): void }) {
  useObservable(room);
  useTitle(room.info.title);
  const { signedOut } = useSession();
  const gatewayEnd = useGatewayEnd(room);
  const [wasJoined, setWasJoined] = useState(false);

  useEffect(() => {
    if (room.state === 'joined') setWasJoined(true);
  }, [room.state]);

  useEffect(() => {
    if (gatewayEnd === 'signed_out') signedOut();
  }, [gatewayEnd, signedOut]);

  if (gatewayEnd === 'too_many_sockets') {
    return (
      <MessagePage
        title="Too many windows"
        text="This account is open in too many windows. Close some of them, then go on here."
      >
        <Button onPress={onAgain}>Go on here</Button>
      </MessagePage>
    );
  }
  if (gatewayEnd === 'account_blocked') {
    return <MessagePage title="This account is blocked" text="Ask an admin of this server about it." />;
  }
  if (room.state === 'ended' && room.end !== undefined && room.end.reason !== 'left') {
    const { title, text, mayReturn } = roomEndText(room.end);
    return (
      <MessagePage title={title} text={text}>
        {mayReturn && <Button onPress={onAgain}>Enter again</Button>}
      </MessagePage>
    );
  }
  if (room.state === 'waiting') return <WaitingRoom room={room} />;
  // A lost socket keeps the page: the call goes on, and a banner tells.
  if (!wasJoined && room.state !== 'joined') return <RoomSkeleton title={room.info.title} />;
  return <RoomView room={room} media={media} />;
}

function useGatewayEnd(room: Room) {
  const [end, setEnd] = useState(room.gateway.ended);
  useEffect(() => {
    setEnd(room.gateway.ended);
    return room.gateway.on('end', setEnd);
  }, [room]);
  return end;
}
