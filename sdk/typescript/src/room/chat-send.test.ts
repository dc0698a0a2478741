import { expect, test } from 'vitest';
import type { Gateway } from '../realtime/gateway.ts';
import { Chat } from './chat.ts';

test('files are named by their ids, mentions by those of people, and what is not there is not sent', async () => {
  const sent: unknown[] = [];
  const request = async (type: string, payload: { text: string }) => {
    sent.push([type, payload]);
    return { duplicate: false, message: { id: payload.text, room: 'abc', seq: sent.length, text: payload.text } };
  };
  const chat = new Chat({ user: { id: 'me' }, request } as unknown as Gateway, 'abc');
  const file = { id: 'f1', name: 'plan.pdf', type: 'application/pdf', sizeBytes: 3 };
  chat.send('The plan', { attachments: [file], mentions: ['ben'] });
  chat.send('Hello');
  chat.send('Yes', { replyTo: 'm1' });
  expect(chat.pending[0]?.attachments).toEqual([file]);
  await new Promise((resolve) => setTimeout(resolve));
  expect(sent).toEqual([
    ['message.send', { room: 'abc', text: 'The plan', attachments: ['f1'], mentions: ['ben'] }],
    ['message.send', { room: 'abc', text: 'Hello' }],
    ['message.send', { room: 'abc', text: 'Yes', replyTo: 'm1' }],
  ]);
});
