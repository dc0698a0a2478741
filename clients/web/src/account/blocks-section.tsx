import type { BlockedUser } from '@boltorezka/client';
import { useCallback } from 'react';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Button } from '../ui/button.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { Section } from './section.tsx';

/** Whose direct messages and calls one refuses. */
export function BlocksSection() {
  const paged = usePaged(useCallback((page) => client.direct.blocks(page), []));
  const act = useAct();
  const unblock = async ({ userId }: BlockedUser) => {
    await client.direct.unblock(userId);
    paged.change((blocks) => blocks.filter((block) => block.userId !== userId));
  };
  return (
    <Section title="Whose direct messages you refuse">
      <Records label="Refused" {...paged} keyOf={(block) => block.userId} empty="Everybody may write to you.">
        {(block) => (
          <RecordItem
            title={block.displayName}
            facts={[{ label: 'Since', value: timeText(block.createdAt) }]}
            actions={
              <Button
                variant="secondary"
                size="small"
                aria-label={`Take direct messages of ${block.displayName} again`}
                onPress={() => act(() => unblock(block), `${block.displayName} may write to you again.`)}
              >
                Take again
              </Button>
            }
          />
        )}
      </Records>
    </Section>
  );
}
