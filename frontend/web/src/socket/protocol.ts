/** From the server events of `/v1/realtime` to the events of the page. Pure. */

import type { AgentState, CallEvent, Stages, ToolStatus } from "../call/events";
import { UPDATE_ID } from "../settings/refusals";
import { words } from "../words";
import type { Order } from "./worklets/player.worklet";

/** The fields that the page reads, of every event it knows. */
export type ServerEvent =
  | { type: "session.created"; session: { id: string } }
  | {
      type: "session.updated";
      session: { audio: { output: { voice: string } }; vdx: { recogniser: string } };
    }
  | { type: "error"; error: Refused }
  | { type: "conversation.item.added"; item: Item }
  | {
      type: "conversation.item.input_audio_transcription.completed";
      item_id: string;
      transcript: string;
    }
  | {
      type: "conversation.item.input_audio_transcription.failed";
      error: { message: string };
    }
  | { type: "response.created"; response: { id: string } }
  | { type: "response.output_audio.delta"; delta: string }
  | { type: "response.output_audio_transcript.delta"; response_id: string; delta: string }
  | { type: "response.done"; response: Response }
  | VdxEvent;

/** The same over the socket and in a room. */
export type VdxEvent =
  | { type: "vdx.state"; state: string; thinking: boolean }
  | { type: "vdx.vad"; noise_floor: number; adaptive_threshold: number }
  | { type: "vdx.hint"; message: string }
  | { type: "vdx.transcript"; item_id: string; text: string; stable: number }
  | {
      type: "vdx.turn";
      response_id: string;
      speech_end_to_first_audio_ms: number;
      stages: Stages;
    }
  | { type: "vdx.tool.started"; call_id: string; name: string; arguments: string }
  | {
      type: "vdx.tool.done";
      call_id: string;
      output: string;
      status: ToolStatus;
      duration_ms: number;
    }
  | { type: "vdx.playout.paused" | "vdx.playout.resumed"; response_id: string }
  | { type: "vdx.session.ended"; reason: string };

interface Refused {
  message: string;
  event_id?: string | null;
  param?: string | null;
}

interface Item {
  id: string;
  role: string;
  content: readonly { type: string; text?: string }[];
}

interface Response {
  id: string;
  status: "completed" | "cancelled" | "failed" | "incomplete";
  status_details?: { error?: { message?: string } } | null;
  output: readonly { content?: readonly { transcript?: string }[] }[];
}

const STATES: Readonly<Record<string, AgentState>> = {
  idle: "idle",
  listening: "listening",
  speaking: "speaking",
  barged_in: "interrupted",
  waiting_for_input: "waiting",
  terminated: "ended",
};

/** Errors of commands with this event id are of no interest: the answer was over already. */
export const CANCEL_ID = "cancel";
export const COMMIT_ID = "commit";

/** How the ids of items begin that the page itself sends: it has them in its captions already. */
export const RESTORED = "restored_";

export function translate(event: ServerEvent): readonly CallEvent[] {
  switch (event.type) {
    case "session.updated": {
      const voice = event.session.audio.output.voice.split("/")[0] ?? "";
      return [{ type: "models", voice, recogniser: event.session.vdx.recogniser }];
    }
    case "error":
      return refused(event.error);
    case "conversation.item.added":
      return typed(event.item);
    case "conversation.item.input_audio_transcription.completed":
      return understood(event.item_id, event.transcript);
    case "conversation.item.input_audio_transcription.failed":
      return [wrong(words().answer.notUnderstood(event.error.message))];
    case "response.created":
      return [{ type: "notice", topic: "answer", notice: null }];
    case "response.output_audio_transcript.delta":
      return [{ type: "replying", reply: event.response_id, delta: event.delta }];
    case "response.done":
      return replied(event.response);
    default:
      return event.type.startsWith("vdx.") ? translateVdx(event as VdxEvent) : [];
  }
}

export function translateVdx(event: VdxEvent): readonly CallEvent[] {
  switch (event.type) {
    case "vdx.state":
      return [{ type: "state", state: event.thinking ? "thinking" : named(event.state) }];
    case "vdx.vad":
      return [{ type: "threshold", noise: event.noise_floor, needed: event.adaptive_threshold }];
    case "vdx.hint": {
      const notice = { text: words().answer.hard(event.message) };
      return [{ type: "notice", topic: "level", notice }];
    }
    case "vdx.transcript": {
      const { item_id: utterance, text, stable } = event;
      return [{ type: "heard", utterance, text, stable }];
    }
    case "vdx.turn": {
      const gapMs = event.speech_end_to_first_audio_ms;
      return [{ type: "timed", reply: event.response_id, gapMs, stages: event.stages }];
    }
    case "vdx.tool.started": {
      const { call_id: call, name, arguments: given } = event;
      return [{ type: "calling", call, name, arguments: given }];
    }
    case "vdx.tool.done": {
      const { call_id: call, output, status, duration_ms: durationMs } = event;
      return [{ type: "called", call, output, status, durationMs }];
    }
    case "vdx.playout.paused":
      return [{ type: "paused", reply: event.response_id }];
    case "vdx.playout.resumed":
      return [{ type: "resumed", reply: event.response_id }, { type: "dismissed" }];
    default:
      return [];
  }
}

/** What the jitter buffer is told. */
export function playback(event: ServerEvent): Order | null {
  switch (event.type) {
    case "response.created":
      return "begin";
    case "response.done":
      return event.response.status === "cancelled" ? "drop" : "finish";
    case "vdx.playout.paused":
      return "freeze";
    case "vdx.playout.resumed":
      return "thaw";
    default:
      return null;
  }
}

function refused({ message, event_id, param }: Refused): readonly CallEvent[] {
  if (event_id === CANCEL_ID || event_id === COMMIT_ID) return [];
  if (event_id?.startsWith(UPDATE_ID)) {
    return [{ type: "refused", update: event_id, param: param ?? "", why: message }];
  }
  return [wrong(words().answer.wrong(message))];
}

const named = (state: string): AgentState => STATES[state] ?? "idle";

export const wrong = (text: string): CallEvent => ({
  type: "notice",
  topic: "answer",
  notice: { text },
});

function typed({ id, role, content }: Item): readonly CallEvent[] {
  if (id.startsWith(RESTORED)) return [];
  const text = role === "user" && content.find((part) => part.type === "input_text")?.text;
  return text ? [{ type: "typed", item: id, text }] : [];
}

export function understood(utterance: string, text: string): readonly CallEvent[] {
  const heard: CallEvent = { type: "understood", utterance, text };
  return text ? [heard, { type: "notice", topic: "level", notice: null }] : [heard];
}

function replied({ id, status, status_details, output }: Response): readonly CallEvent[] {
  const played = output[0]?.content?.[0]?.transcript ?? "";
  const cut = status === "cancelled";
  const over: CallEvent = { type: "replied", reply: id, cut, played };
  if (status !== "failed") return [over];
  const { failed, noReason } = words().answer;
  return [over, wrong(failed(status_details?.error?.message ?? noReason))];
}
