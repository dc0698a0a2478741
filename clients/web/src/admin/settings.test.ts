import type { AdminSetting } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { matching, valueText } from './settings.ts';

const port: AdminSetting = {
  key: 'udp_port',
  meaning: 'First port for media.',
  values: '1 to 65535',
  source: 'flag',
  secret: false,
  isSet: true,
  value: '7000',
};
const mail: AdminSetting = { ...port, key: 'smtp_url', meaning: 'Takes mails.', secret: true, isSet: false };

test('a setting is found by any words of it', () => {
  expect(matching([port, mail], 'PORT media')).toEqual([port]);
  expect(matching([port, mail], '')).toEqual([port, mail]);
  expect(matching([port, mail], 'nothing')).toEqual([]);
});

test('a secret is never shown, whatever came with it', () => {
  expect(valueText({ ...mail, value: 'hunter22' })).toBe('not set');
  expect(valueText({ ...mail, value: 'hunter22', isSet: true })).toBe('set');
  expect(valueText(port)).toBe('7000');
  expect(valueText({ ...port, value: '`http`' })).toBe('http');
});
