import { describe, expect, test } from 'vitest';
import { linkify } from './linkify.ts';

describe('links in messages', () => {
  test('web addresses become links, the rest stays text', () => {
    expect(linkify('see https://example.org/a?b=1 now')).toEqual([
      { text: 'see ' },
      { text: 'https://example.org/a?b=1', href: 'https://example.org/a?b=1' },
      { text: ' now' },
    ]);
  });

  test('punctuation belongs to the sentence', () => {
    expect(linkify('(https://example.org/x).')[1]).toEqual({
      text: 'https://example.org/x',
      href: 'https://example.org/x',
    });
    expect(linkify('https://example.org/a_(b)')[0]?.text).toBe('https://example.org/a_(b)');
  });

  test('no other scheme, no broken address', () => {
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'https://', 'http://[bad']) {
      expect(linkify(text)).toEqual([{ text }]);
    }
  });

  test('nothing is lost', () => {
    const text = 'a https://x.example, b http://y.example/?q=(1) c';
    expect(
      linkify(text)
        .map((part) => part.text)
        .join(''),
    ).toBe(text);
    expect(linkify('')).toEqual([]);
  });
});
