import type { AdminParticipant } from '@boltorezka/client';
import { RefreshCw, UserMinus } from 'lucide-react';
import { useCallback } from 'react';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { Badge, type Fact, RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { AdminFrame } from './admin-frame.tsx';
import { bitrateText, durationText } from './texts.ts';

const STATES = { connecting: 'Connecting', connected: 'Connected', suspended: 'Lost for now' } as const;
const SOURCES = { microphone: 'Microphone', camera: 'Camera', screen: 'Screen', screenAudio: 'Sound of the screen' };

/** Who is in rooms of all workspaces, and how their connections do. */
export function ParticipantsPage() {
  const paged = usePaged(useCallback((page) => client.admin.participants(page), []));
  const act = useAct();
  const kick = async ({ workspace, room, participantId }: AdminParticipant) => {
    await client.admin.kick(workspace, room, participantId);
    paged.change((all) => all.filter((each) => each.participantId !== participantId));
  };
  return (
    <AdminFrame
      section="participants"
      actions={
        <Button variant="secondary" isBusy={paged.isLoading} onPress={paged.reload}>
          <RefreshCw size={16} />
          Refresh
        </Button>
      }
    >
      <Records label="In rooms now" {...paged} keyOf={(each) => each.participantId} empty="Nobody is in a room.">
        {(each) => (
          <RecordItem
            lead={<Avatar name={each.displayName} userId={each.userId} size={36} />}
            title={each.displayName}
            text={`${each.workspace} / ${each.room}`}
            badges={<StateBadge participant={each} />}
            facts={[{ label: 'Since', value: timeText(each.joinedAt) }, ...connectionFacts(each)]}
            actions={
              <IconButton
                label={`Remove ${each.displayName} from the room`}
                onPress={() => act(() => kick(each), `${each.displayName} is out.`)}
              >
                <UserMinus size={18} />
              </IconButton>
            }
          />
        )}
      </Records>
    </AdminFrame>
  );
}

function StateBadge({ participant: { hidden, inCall, connection } }: { participant: AdminParticipant }) {
  const isWell = connection?.state === 'connected';
  return (
    <>
      {hidden && <Badge>Hidden</Badge>}
      {connection && <Badge kind={isWell ? 'good' : 'warning'}>{STATES[connection.state]}</Badge>}
      {inCall && !connection && <Badge kind="warning">In the call, nothing known</Badge>}
      {connection !== undefined && connection.picturesLimited > 0 && (
        <Badge kind="warning">
          {connection.picturesLimited} of {connection.pictures} pictures limited
        </Badge>
      )}
    </>
  );
}

function connectionFacts({ connection }: AdminParticipant): (Fact | undefined)[] {
  if (!connection) return [];
  const { carrier, rttMs, estimateBps, desiredBps, stateAgeMs, state, tracks } = connection;
  const sends = tracks.map(
    ({ source, muted, bitrateBps }) => `${SOURCES[source]} ${muted ? '(muted)' : bitrateText(bitrateBps)}`,
  );
  return [
    { label: STATES[state], value: `for ${durationText(stateAgeMs)}` },
    carrier && { label: 'Over', value: carrier.toUpperCase() },
    rttMs === undefined ? undefined : { label: 'Round trip', value: `${rttMs} ms` },
    { label: 'Receives at most', value: `${bitrateText(estimateBps)}, wants ${bitrateText(desiredBps)}` },
    sends.length > 0 ? { label: 'Sends', value: sends.join(', ') } : undefined,
  ];
}
