import { useEffect } from 'react';
import { RouterProvider } from 'react-aria-components';
import { AccountPage } from '../account/account-page.tsx';
import { AdminPage } from '../admin/admin-page.tsx';
import { IncomingCalls } from '../direct/incoming-calls.tsx';
import { ForgotPage, ResetPage, VerifyPage } from '../pages/link-pages.tsx';
import { LoginPage, RegisterPage } from '../pages/login-page.tsx';
import { MessagePage } from '../pages/message-page.tsx';
import { ProviderCodePage } from '../pages/provider-sign-in.tsx';
import { RoomsPage } from '../pages/rooms-page.tsx';
import { SetupPage } from '../pages/setup-page.tsx';
import { PushKeeper } from '../push/push-keeper.tsx';
import { RoomPage } from '../room/room-page.tsx';
import { Button } from '../ui/button.tsx';
import { LoadingScreen } from '../ui/loading.tsx';
import { ToastProvider } from '../ui/toasts.tsx';
import { AnnouncerProvider } from './announcer.tsx';
import { loginPath, navigate, RouteContext, routeOf, useLocation, useRoute } from './router.ts';
import { SessionProvider, useSession } from './session.tsx';

export function App() {
  const location = useLocation();
  const [pathname = '/', search = ''] = splitAt(location, '?');
  return (
    <RouterProvider navigate={(path) => navigate(path)}>
      <RouteContext value={routeOf(pathname, search)}>
        <AnnouncerProvider>
          <ToastProvider>
            <SessionProvider>
              <CurrentPage />
              <Calls />
              <Pushes />
            </SessionProvider>
          </ToastProvider>
        </AnnouncerProvider>
      </RouteContext>
    </RouterProvider>
  );
}

function CurrentPage() {
  const route = useRoute();
  const { session, reload } = useSession();
  if (route.page === 'setup') return <SetupPage token={route.token} />;
  if (route.page === 'forgot') return <ForgotPage />;
  if (route.page === 'reset') return <ResetPage token={route.token} />;
  if (session.state === 'loading') return <LoadingScreen />;
  if (session.state === 'unreachable') {
    return (
      <MessagePage title="The server cannot be reached" text={session.message}>
        <Button onPress={reload}>Try again</Button>
      </MessagePage>
    );
  }
  if (route.page === 'login') {
    if (session.state === 'in') return <Redirect to={route.next} />;
    return route.isSecondFactor ? <ProviderCodePage /> : <LoginPage next={route.next} oidcError={route.oidcError} />;
  }
  if (route.page === 'register') {
    return session.state === 'in' ? <Redirect to="/" /> : <RegisterPage invite={route.invite} />;
  }
  if (session.state === 'out') return <Redirect to={loginPath(location.pathname + location.search)} />;
  switch (route.page) {
    case 'rooms':
      return <RoomsPage />;
    case 'room':
      return <RoomPage key={route.slug} slug={route.slug} />;
    case 'verify':
      return <VerifyPage token={route.token} />;
    case 'account':
      return <AccountPage />;
    case 'admin':
      return <AdminPage section={route.section} workspace={route.workspace} />;
    default:
      return <MessagePage title="There is no such page" text="The address may have a typing mistake." />;
  }
}

/** Who calls is heard on every page behind the log-in. */
function Calls() {
  const { session } = useSession();
  return session.state === 'in' ? <IncomingCalls key={session.user.id} /> : null;
}

/** This browser stays subscribed while somebody is signed in who wants that. */
function Pushes() {
  const { session } = useSession();
  return session.state === 'in' ? <PushKeeper key={session.user.id} userId={session.user.id} /> : null;
}

function Redirect({ to }: { to: string }) {
  useEffect(() => navigate(to, { replace: true }), [to]);
  return <LoadingScreen />;
}

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}
