/** The whole state of a call and its reducer: no browser, no clock, no network. */

import { type Lines, stamped, withEvent } from "./captions";
import type { AgentState, CallEvent, Notice, Quality, Topic } from "./events";
import { decibels } from "./sound";

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
  /** Why there is no connection, and when the next attempt is (ms since 1970; null: now). */
  readonly outage: { readonly why: string; readonly retryAt: number | null } | null;
}

export type Action =
  | CallEvent
  | { type: "microphone"; microphone: CallState["microphone"] }
  /** What was said on this page before it was loaded again. */
  | { type: "restored"; lines: Lines };

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
  outage: null,
};

/** `now` in milliseconds since 1970: when a line was first there, and when it last changed. */
export function reduce(state: CallState, action: Action, now = Date.now()): CallState {
  const lines = OF_THE_PAGE.has(action.type)
    ? state.lines
    : withEvent(state.lines, action as CallEvent);
  const changed = changes(state, action);
  // The same state, of which nothing is drawn anew: levels of a room come five times a second.
  if (lines === state.lines && Object.keys(changed).length === 0) return state;
  return { ...state, lines: stamped(state.lines, lines, now), ...changed };
}

const OF_THE_PAGE: ReadonlySet<string> = new Set(["microphone", "restored"]);

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
        outage: null,
      };
    case "lost":
      return {
        connection: "reconnecting",
        session: "",
        // What was wrong before tells nothing now, beside the one line about the connection.
        notices: without(without(without(state.notices, "answer"), "level"), "models"),
        ...NOTHING_MEASURED,
      };
    case "waiting":
      return { outage: { why: action.why, retryAt: action.retryAt } };
    case "restored":
      return { lines: action.lines };
    case "hungUp":
      return {
        connection: "off",
        session: "",
        agent: ended(action.reason),
        outage: null,
        ...NOTHING_MEASURED,
      };
    case "state":
      return { agent: action.state };
    case "microphone":
      return action.microphone === "closed"
        ? { microphone: "closed", noise: null, needed: null }
        : { microphone: action.microphone };
    case "threshold":
      return state.microphone === "closed" ? {} : measured(state, action);
    case "quality":
      return { quality: action.quality, roundTripMs: action.roundTripMs };
    case "models":
      return { voice: action.voice, recogniser: action.recogniser };
    case "notice":
      // While the connection is lost, its banner says all there is to say of the server.
      return state.connection === "reconnecting" && OF_THE_SERVER.has(action.topic)
        ? {}
        : { notices: noticed(state.notices, action.topic, action.notice) };
    default:
      return {};
  }
}

/** What has changed by a decibel, which is as exactly as levels are shown. */
function measured(before: CallState, now: { noise: number; needed: number }): Partial<CallState> {
  const isOther = (key: "noise" | "needed") =>
    Math.round(decibels(before[key] ?? 0)) !== Math.round(decibels(now[key]));
  if (before.noise === null) return { noise: now.noise, needed: now.needed };
  return {
    ...(isOther("noise") && { noise: now.noise }),
    ...(isOther("needed") && { needed: now.needed }),
  };
}

const OF_THE_SERVER: ReadonlySet<Topic> = new Set(["connection", "answer", "level", "models"]);

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
