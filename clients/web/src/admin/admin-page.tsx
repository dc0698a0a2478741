import { useUser } from '../app/session.tsx';
import { MessagePage } from '../pages/message-page.tsx';
import { AuditPage } from './audit-page.tsx';
import { KeysPage } from './keys-page.tsx';
import { OutboxPage } from './outbox-page.tsx';
import { ParticipantsPage } from './participants-page.tsx';
import { PeoplePage } from './people-page.tsx';
import { RoomsAdminPage } from './rooms-admin-page.tsx';
import type { Section } from './section-names.ts';
import { maySee } from './sections.ts';
import { ServerPage } from './server-page.tsx';
import { SettingsPage } from './settings-page.tsx';
import { WorkspacePage } from './workspace-page.tsx';
import { WorkspacesPage } from './workspaces-page.tsx';

/** A page of the administration, for those who may see it. */
export function AdminPage({ section, workspace }: { section: Section; workspace?: string | undefined }) {
  const user = useUser();
  if (!maySee(user, section)) {
    const who = maySee(user, 'people') ? 'the owner of this server' : 'admins of this server';
    return <MessagePage title="Not for you" text={`Only ${who} may see this page.`} />;
  }
  if (workspace !== undefined) return <WorkspacePage key={workspace} slug={workspace} />;
  switch (section) {
    case 'people':
      return <PeoplePage />;
    case 'workspaces':
      return <WorkspacesPage />;
    case 'rooms':
      return <RoomsAdminPage />;
    case 'participants':
      return <ParticipantsPage />;
    case 'server':
      return <ServerPage />;
    case 'outbox':
      return <OutboxPage />;
    case 'audit':
      return <AuditPage />;
    case 'settings':
      return <SettingsPage />;
    case 'keys':
      return <KeysPage />;
  }
}
