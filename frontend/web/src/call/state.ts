/** The whole state of a call and its reducer: no browser, no clock, no network. */

import { type Lines, withEvent } from "./captions";
import type { AgentState, CallEvent, Notice, Quality, Topic } from "./events";

export type Connection = "off" | "connecting" | "open" | "reconnecting";

export interface CallState {
  readonly connection: Connection;
  readonly agent: AgentState;
  readonly session: string;
  readonly lines: Lines;
  readonly microphone: "closed" | "opening" | "open" | "muted";
  /** Root mean square of 16-bit samples, as the server's noise gate counts it. */
  readonly noise: number | null;
  readonly needed: number | null;
  readonly quality: Quality;
  readonly roundTripMs: number | null;
  readonly voice: string;
  readonly recogniser: string;
  readonly notices: Readonly<Partial<Record<Topic, Notice>>>;
}

export type Action = CallEvent | { type: "microphone"; microphone: CallState["microphone"] };

export const INITIAL: CallState = {
  connection: "off",
  agent: "idle",
  session: "",
  lines: [],
  microphone: "closed",
  noise: null,
  needed: null,
  quality: "unknown",
  roundTripMs: null,
  voice: "",
  recogniser: "",
  notices: {},
};

export function reduce(state: CallState, action: Action): CallState {
  const lines = action.type === "microphone" ? state.lines : withEvent(state.lines, action);
  return { ...state, lines, ...changes(state, action) };
}

function changes(state: CallState, action: Action): Partial<CallState> {
  switch (action.type) {
    case "connecting":
      return { connection: state.connection === "reconnecting" ? "reconnecting" : "connecting" };
    case "connected":
    case "renewed":
      return {
        connection: "open",
        agent: "idle",
        session: action.session,
        notices: without(state.notices, "connection"),
      };
    case "lost":
      return { connection: "reconnecting", session: "", ...NOTHING_MEASURED };
    case "hungUp":
      return { connection: "off", session: "", agent: ended(action.reason), ...NOTHING_MEASURED };
    case "state":
      return { agent: action.state };
    case "microphone":
      return action.microphone === "closed"
        ? { microphone: "closed", noise: null, needed: null }
        : { microphone: action.microphone };
    case "threshold":
      return state.microphone === "closed" ? {} : { noise: action.noise, needed: action.needed };
    case "quality":
      return { quality: action.quality, roundTripMs: action.roundTripMs };
    case "models":
      return { voice: action.voice, recogniser: action.recogniser };
    case "notice":
      return { notices: noticed(state.notices, action.topic, action.notice) };
    default:
      return {};
  }
}

const NOTHING_MEASURED = {
  quality: "unknown",
  roundTripMs: null,
  noise: null,
  needed: null,
} as const;

const ended = (reason: string): AgentState => (reason ? "ended" : "idle");

type Notices = CallState["notices"];

function noticed(notices: Notices, topic: Topic, notice: Notice | null): Notices {
  return notice === null ? without(notices, topic) : { ...notices, [topic]: notice };
}

function without(notices: Notices, topic: Topic): Notices {
  const { [topic]: _gone, ...rest } = notices;
  return rest;
}

/** What the page shows as one word: the connection first, then who speaks. */
export type Mood = "off" | "connecting" | "reconnecting" | AgentState;

export function mood(state: CallState): Mood {
  if (state.connection === "open") return state.agent;
  if (state.connection === "off") return state.agent === "ended" ? "ended" : "off";
  return state.connection;
}
