import { expect, test } from 'vitest';
import { providerErrorText } from './provider-errors.ts';

test('what went wrong is said in plain words, whatever stands in the address', () => {
  expect(providerErrorText(undefined)).toBeUndefined();
  expect(providerErrorText('blocked')).toBe('Your account is blocked.');
  for (const strange of ['', 'toString', '__proto__', '<b>']) {
    expect(providerErrorText(strange)).toBe('Something went wrong here. Try again.');
  }
});
