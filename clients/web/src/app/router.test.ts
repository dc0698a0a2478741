import { describe, expect, test } from 'vitest';
import { loginPath, roomPath, routeOf } from './router.ts';

describe('routes', () => {
  test('each page has its address', () => {
    expect(routeOf('/', '')).toEqual({ page: 'rooms' });
    expect(routeOf('/setup', '?token=abc')).toEqual({ page: 'setup', token: 'abc' });
    expect(routeOf('/rooms/stand-up', '')).toEqual({ page: 'room', slug: 'stand-up' });
    expect(routeOf('/rooms/stand-up/', '')).toEqual({ page: 'room', slug: 'stand-up' });
    expect(routeOf('/account', '')).toEqual({ page: 'account' });
    expect(routeOf('/account', '?oidcError=expired')).toEqual({ page: 'account', oidcError: 'expired' });
    expect(routeOf('/users', '')).toEqual({ page: 'admin', section: 'people' });
    expect(routeOf('/admin', '')).toEqual({ page: 'admin', section: 'people' });
    expect(routeOf('/admin/audit', '')).toEqual({ page: 'admin', section: 'audit' });
    expect(routeOf('/admin/workspaces/a%20b', '')).toEqual({ page: 'admin', section: 'workspaces', workspace: 'a b' });
    for (const path of ['/admin/nowhere', '/admin/audit/1', '/admin/workspaces/a/b', '/account/x']) {
      expect(routeOf(path, '')).toEqual({ page: 'unknown' });
    }
    expect(routeOf('/register', '?invite=abc')).toEqual({ page: 'register', invite: 'abc' });
    expect(routeOf('/forgot', '')).toEqual({ page: 'forgot' });
    expect(routeOf('/reset', '?token=abc')).toEqual({ page: 'reset', token: 'abc' });
    expect(routeOf('/verify', '?token=abc')).toEqual({ page: 'verify', token: 'abc' });
    expect(routeOf('/rooms/a/b', '')).toEqual({ page: 'unknown' });
    expect(routeOf('/nowhere', '')).toEqual({ page: 'unknown' });
  });

  test('a room comes back from its path', () => {
    expect(routeOf(roomPath('a b'), '')).toEqual({ page: 'room', slug: 'a b' });
    expect(routeOf('/rooms/%E0%A4%A', '')).toEqual({ page: 'room', slug: '%E0%A4%A' });
  });

  test('a sign-in by a provider comes back with what is missing or went wrong', () => {
    const next = '/rooms/a';
    expect(routeOf('/login', '?oidcError=blocked&next=%2Frooms%2Fa')).toEqual({
      page: 'login',
      next,
      oidcError: 'blocked',
    });
    const waits = routeOf('/login', '?oidc=second_factor&next=%2Frooms%2Fa');
    expect(waits).toEqual({ page: 'login', next, isSecondFactor: true });
    const foreign = routeOf('/login', '?oidc=second_factor&next=%2F%2Fevil.example');
    expect(foreign).toEqual({ page: 'login', next: '/', isSecondFactor: true });
  });

  test('log-in goes on to a page of this site only', () => {
    const next = (search: string) => routeOf('/login', search);
    const path = loginPath('/rooms/a?x=1');
    expect(next(path.slice('/login'.length))).toEqual({ page: 'login', next: '/rooms/a?x=1' });
    for (const foreign of [
      '//evil.example',
      '/\\evil.example',
      'https://evil.example',
      'javascript:alert(1)',
      '/login',
    ]) {
      expect(next(`?next=${encodeURIComponent(foreign)}`)).toEqual({ page: 'login', next: '/' });
    }
  });
});
