import { expect, test } from 'vitest';
import { agentText } from './agent.ts';

test('browsers are told apart, though each calls itself by the names of others', () => {
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  expect(agentText(`Mozilla/5.0 (X11; Linux x86_64) ${webkit} Chrome/156.0 Safari/537.36`)).toBe('Chrome on Linux');
  expect(agentText(`Mozilla/5.0 (Windows NT 10.0) ${webkit} Chrome/156.0 Safari/537.36 Edg/156.0`)).toBe(
    'Edge on Windows',
  );
  expect(agentText('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe('Firefox on Linux');
  const iphone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1';
  expect(agentText(iphone)).toBe('Safari on iOS');
});

test('what is not known is shown as it is, and not for ever', () => {
  expect(agentText('curl/8.5.0')).toBe('curl/8.5.0');
  expect(agentText('x'.repeat(500))).toHaveLength(60);
  expect([agentText(undefined), agentText(' ')]).toEqual(['Unknown device', 'Unknown device']);
});
