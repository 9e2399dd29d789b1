// A realtime session of `@openai/agents-realtime` with a function tool. Arguments: address, recording.
import { readFileSync } from 'node:fs';
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const FRAME_BYTES = 960;
const LIMIT_MS = 30_000;
const [address, recording] = process.argv.slice(2);
const speech = readFileSync(recording);
const told = { errors: [], heard_bytes: 0, interruptions: 0, cities: [], said: [], understood: [] };

const weather = tool({
  name: 'weather',
  description: 'The weather of a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    told.cities.push(city);
    return 'sunny';
  },
});

const agent = new RealtimeAgent({ name: 'Assistant', instructions: 'Be brief.', tools: [weather] });
const session = new RealtimeSession(agent, { transport: 'websocket', tracingDisabled: true });

const textOf = (item) => item.content.map((part) => part.transcript ?? '').join(' ');
session.on('audio', (event) => {
  told.heard_bytes += event.data.byteLength;
});
session.on('audio_interrupted', () => {
  told.interruptions += 1;
});
session.on('error', (event) => told.errors.push(JSON.stringify(event.error) + String(event.error)));
session.on('history_updated', (history) => {
  const messages = history.filter((item) => item.type === 'message');
  told.said = messages.filter((item) => item.role === 'assistant').map(textOf);
  told.understood = messages.filter((item) => item.role === 'user').map(textOf);
});

let left = Buffer.alloc(0);
const say = () => {
  left = speech;
};
const until = async (happened, what) => {
  const deadline = Date.now() + LIMIT_MS;
  while (!happened()) {
    if (Date.now() > deadline) throw new Error(`${what} never came: ${JSON.stringify(told)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const url = `${address.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`;
await session.connect({ apiKey: 'any', url });
const began = Date.now();
let sent = 0;
const microphone = setInterval(() => {
  for (; sent < (Date.now() - began) / 20; sent += 1) {
    const frame = Buffer.alloc(FRAME_BYTES);
    left.copy(frame, 0, 0, FRAME_BYTES);
    left = left.subarray(FRAME_BYTES);
    session.sendAudio(frame.buffer.slice(frame.byteOffset, frame.byteOffset + FRAME_BYTES));
  }
}, 20);
say();
// Who speaks within the answer's first second was not done; both halves are one question.
await until(() => told.heard_bytes > 96_000, 'two seconds of an answer');
say();
await until(() => told.interruptions, 'the interruption');
const heard = told.heard_bytes;
await until(() => told.cities.length, 'the call of the tool');
await until(() => told.heard_bytes > heard + 24_000, 'the answer after the call');
await until(() => told.said.join(' ').includes('sunny'), 'its words');
clearInterval(microphone);
session.close();
console.log(JSON.stringify(told));
