// A realtime session of `@openai/agents-realtime` with a hosted MCP tool. Arguments: address,
// address of the MCP server, `always` where the tool's calls need an approval, else `never`.
import { hostedMcpTool } from '@openai/agents-core';
import { RealtimeAgent, RealtimeSession } from '@openai/agents-realtime';

const LIMIT_MS = 60_000;
const [address, serverUrl, approval] = process.argv.slice(2);
const told = { errors: [], listed: 0, results: [], asked: 0, said: [], done: 0 };

const toolNames = ['add'];
const sums = hostedMcpTool({
  serverLabel: 'sums',
  serverUrl,
  allowedTools: toolNames,
  ...(approval === 'always' ? { requireApproval: { always: { toolNames } } } : {}),
});
const agent = new RealtimeAgent({ name: 'Assistant', instructions: 'Be brief.', tools: [sums] });
const session = new RealtimeSession(agent, { transport: 'websocket', tracingDisabled: true });

session.on('error', (event) => told.errors.push(JSON.stringify(event.error) + String(event.error)));
session.on('mcp_tools_changed', (tools) => {
  told.listed = tools.length;
});
session.on('mcp_tool_call_completed', (_context, _agent, call) => told.results.push(call.output));
session.on('tool_approval_requested', async (_context, _agent, request) => {
  told.asked += 1;
  await session.approve(request.approvalItem);
});
session.on('history_updated', (history) => {
  const messages = history.filter((item) => item.type === 'message' && item.role === 'assistant');
  told.said = messages.flatMap((item) => item.content.map((part) => part.transcript ?? ''));
});

session.transport.on('*', (event) => {
  if (event.type === 'response.done') told.done += 1;
});

const until = async (happened, what) => {
  const deadline = Date.now() + LIMIT_MS;
  while (!happened()) {
    if (Date.now() > deadline) throw new Error(`${what} never came: ${JSON.stringify(told)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const url = `${address.replace('http', 'ws')}/v1/realtime?model=named`;
await session.connect({ apiKey: 'any', url });
await until(() => told.listed, 'the tools');
session.sendMessage('How much is it?');
await until(() => told.results.length, 'the result of the call');
await until(() => told.said.join(' ').includes('5'), 'its words');
// This client asks for a response behind each call; the server has told its result already.
const responses = approval === 'always' ? 3 : 2;
await until(() => told.done >= responses, 'the response that is asked for behind the call');
session.close();
console.log(JSON.stringify(told));
